//! How the rules of a port become the tests of an adapter.

/// Makes a test of each named rule of a module of this crate, each over a port of its own.
///
/// For the use of the macros beside the rules; `sync` makes tests without a runtime.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of_rules {
    (sync $module:ident, $make:expr, [$($rule:ident),+ $(,)?]) => {$(
        #[test]
        fn $rule() {
            $crate::$module::$rule(&$make);
        }
    )+};
    ($module:ident, $make:expr, [$($rule:ident),+ $(,)?]) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $rule() {
            $crate::$module::$rule(&$make).await;
        }
    )+};
}
