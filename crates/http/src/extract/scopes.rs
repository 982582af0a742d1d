//! The scopes that open routes to keys for programs, as types.

use parlance_domain::accounts::Scope;

/// A scope that a route is open to, as a type.
pub trait OpenTo: 'static {
    /// Which.
    const SCOPE: Scope;
}

macro_rules! open_to {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}

        impl OpenTo for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )+};
}

open_to! {
    /// Keys that read progress.
    ProgressRead,
    /// Keys that read the profile.
    ProfileRead,
    /// Keys that have speech made and understood.
    Speech,
    /// Keys that have conversations written.
    Conversations,
}
