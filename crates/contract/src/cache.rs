//! What every [`Cache`] must do.
//!
//! A cache may forget anything; one under test is given no reason to, so that it keeps what it was given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use parlance_domain::cache::Cache;

/// Longer than any test takes.
const LONG: Duration = Duration::from_hours(1);
/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(200);

/// Makes a test of each rule of a cache; the expression makes `Arc<impl Cache>` that holds nothing.
#[macro_export]
macro_rules! cache_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            cache,
            $make,
            [
                what_was_put_is_there,
                what_was_never_put_is_not_there,
                a_second_value_takes_the_place_of_the_first,
                any_bytes_are_kept_as_they_are,
                large_values_are_kept_whole,
                any_text_is_a_key_of_its_own,
                a_value_lives_as_long_as_it_was_given,
                the_lifetime_is_that_of_the_last_value,
                a_lifetime_of_zero_forgets,
                a_value_is_replaced_while_it_is_what_it_was_taken_for,
                what_replaces_a_value_lives_no_longer,
                what_replaces_a_value_is_forgotten_with_its_group,
                what_was_forgotten_is_gone_and_nothing_else,
                a_group_is_forgotten_whole_and_nothing_else,
                a_forgotten_group_can_begin_again,
                a_value_is_of_the_group_it_was_put_under_last,
                groups_and_keys_of_the_same_name_are_not_each_other,
                a_group_of_thousands_is_forgotten,
                parallel_users_do_not_disturb_each_other,
            ]
        );
    };
}

async fn put<C: Cache + ?Sized>(cache: &C, key: &str, value: &'static str) {
    let value = Bytes::from_static(value.as_bytes());
    cache.put(key, value, LONG, None).await.unwrap();
}

async fn put_in<C: Cache + ?Sized>(cache: &C, group: &str, key: &str) {
    let value = Bytes::copy_from_slice(key.as_bytes());
    cache.put(key, value, LONG, Some(group)).await.unwrap();
}

async fn get<C: Cache + ?Sized>(cache: &C, key: &str) -> Option<String> {
    let value = cache.get(key).await.unwrap();
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

async fn has<C: Cache + ?Sized>(cache: &C, key: &str) -> bool {
    cache.get(key).await.unwrap().is_some()
}

/// Waits until a value is gone, which is soon.
async fn gone<C: Cache + ?Sized>(cache: &C, key: &str) {
    let begun = Instant::now();
    while has(cache, key).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{key} never expires");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Also when it is asked for again.
pub async fn what_was_put_is_there<C: Cache + ?Sized>(cache: &Arc<C>) {
    put(&**cache, "key", "value").await;
    for _ in 0..3 {
        assert_eq!(get(&**cache, "key").await.as_deref(), Some("value"));
    }
}

/// Absence is no error; nor is forgetting what is not there.
pub async fn what_was_never_put_is_not_there<C: Cache + ?Sized>(cache: &Arc<C>) {
    assert_eq!(get(&**cache, "key").await, None);
    cache.forget("key").await.unwrap();
    cache.forget_group("group").await.unwrap();
    assert_eq!(get(&**cache, "key").await, None);
}

/// Longer ones and shorter ones.
pub async fn a_second_value_takes_the_place_of_the_first<C: Cache + ?Sized>(cache: &Arc<C>) {
    for value in ["first", "a longer second", "3"] {
        put(&**cache, "key", value).await;
        assert_eq!(get(&**cache, "key").await.as_deref(), Some(value));
    }
}

/// None among them: an empty value is a value.
pub async fn any_bytes_are_kept_as_they_are<C: Cache + ?Sized>(cache: &Arc<C>) {
    let all: Vec<u8> = (0..=255).collect();
    for value in [&b""[..], b"\0", b"\r\n", b"\xff\xfe\x80", b"nil", b"-1", &all] {
        let put = Bytes::copy_from_slice(value);
        cache.put("key", put.clone(), LONG, None).await.unwrap();
        assert_eq!(cache.get("key").await.unwrap(), Some(put));
    }
}

/// A megabyte.
pub async fn large_values_are_kept_whole<C: Cache + ?Sized>(cache: &Arc<C>) {
    let value: Bytes = (0..1_u32 << 18).flat_map(u32::to_le_bytes).collect();
    cache.put("key", value.clone(), LONG, None).await.unwrap();
    assert_eq!(cache.get("key").await.unwrap(), Some(value));
}

/// No character has a special meaning, and case and spaces matter.
pub async fn any_text_is_a_key_of_its_own<C: Cache + ?Sized>(cache: &Arc<C>) {
    let long = "k".repeat(1_000);
    let keys = [
        "", " ", "a", "A", "a ", "a:b", "a:", ":", "{a}", "{}", "}{", "a*", "*", "?", "[a]", "a\0b", "a\nb",
        "字", "'\"", &long,
    ];
    for key in keys {
        put_in(&**cache, "group", key).await;
    }
    for key in keys {
        assert_eq!(get(&**cache, key).await.as_deref(), Some(key));
    }
    cache.forget("*").await.unwrap();
    assert!(!has(&**cache, "*").await);
    assert!(has(&**cache, "a*").await);
    assert!(has(&**cache, "a").await);
}

/// Others go on living.
pub async fn a_value_lives_as_long_as_it_was_given<C: Cache + ?Sized>(cache: &Arc<C>) {
    put(&**cache, "long", "value").await;
    let begun = Instant::now();
    for (key, group) in [("short", None), ("of a group", Some("group"))] {
        let value = Bytes::from_static(b"value");
        cache.put(key, value, SHORT, group).await.unwrap();
    }
    gone(&**cache, "short").await;
    // The clocks of a cache and of the test need not be one.
    assert!(begun.elapsed() >= SHORT / 2, "expired too early");
    gone(&**cache, "of a group").await;
    assert!(has(&**cache, "long").await);
}

/// Whether it is longer than the one before or shorter.
pub async fn the_lifetime_is_that_of_the_last_value<C: Cache + ?Sized>(cache: &Arc<C>) {
    let value = Bytes::from_static(b"value");
    for (key, first, second) in [("lengthened", SHORT, LONG), ("shortened", LONG, SHORT)] {
        cache.put(key, value.clone(), first, None).await.unwrap();
        cache.put(key, value.clone(), second, None).await.unwrap();
    }
    cache.put("measure", value, SHORT, None).await.unwrap();
    gone(&**cache, "shortened").await;
    gone(&**cache, "measure").await;
    assert!(has(&**cache, "lengthened").await);
}

/// It keeps nothing and forgets what was there.
pub async fn a_lifetime_of_zero_forgets<C: Cache + ?Sized>(cache: &Arc<C>) {
    put(&**cache, "key", "value").await;
    for (key, group) in [("key", None), ("other", None), ("third", Some("group"))] {
        let value = Bytes::from_static(b"never");
        cache.put(key, value, Duration::ZERO, group).await.unwrap();
        assert!(!has(&**cache, key).await);
    }
}

/// Nothing else is, neither another value nor none.
pub async fn a_value_is_replaced_while_it_is_what_it_was_taken_for<C: Cache + ?Sized>(cache: &Arc<C>) {
    for group in [None, Some(""), Some("group")] {
        let first = Bytes::from_static(b"first");
        cache.put("key", first, LONG, group).await.unwrap();
        for other in [&b""[..], b"firs", b"first ", b"second"] {
            assert!(!cache.replace("key", other, "never".into()).await.unwrap());
            assert_eq!(get(&**cache, "key").await.as_deref(), Some("first"));
        }
        let mut old = "first";
        for new in ["a longer second", "", "first"] {
            let replaced = cache.replace("key", old.as_bytes(), new.into()).await;
            assert!(replaced.unwrap(), "{old:?}");
            assert_eq!(get(&**cache, "key").await.as_deref(), Some(new));
            old = new;
        }
        cache.forget("key").await.unwrap();
        for none in [&b""[..], b"first"] {
            assert!(!cache.replace("key", none, "never".into()).await.unwrap());
            assert!(!has(&**cache, "key").await);
        }
    }
}

/// Than the value would have whose place it takes.
pub async fn what_replaces_a_value_lives_no_longer<C: Cache + ?Sized>(cache: &Arc<C>) {
    for (key, group) in [("alone", None), ("of a group", Some("group"))] {
        for lifetime in [LONG, SHORT] {
            let value = Bytes::from_static(b"old");
            cache.put(key, value, lifetime, group).await.unwrap();
            // On a slow machine it may be gone by now.
            let replaced = cache.replace(key, b"old", "new".into()).await.unwrap();
            assert!(replaced || lifetime == SHORT);
        }
        gone(&**cache, key).await;
    }
}

/// Also where that was forgotten between the look and the change, and has begun again.
pub async fn what_replaces_a_value_is_forgotten_with_its_group<C: Cache + ?Sized>(cache: &Arc<C>) {
    put_in(&**cache, "group", "key").await;
    assert!(cache.replace("key", b"key", "new".into()).await.unwrap());
    cache.forget_group("group").await.unwrap();
    assert!(!has(&**cache, "key").await);
    put_in(&**cache, "group", "other").await;
    // Whether it counts as there is nobody's business.
    cache.replace("key", b"new", "newer".into()).await.unwrap();
    assert!(!has(&**cache, "key").await);
    assert!(has(&**cache, "other").await);
}

/// Keys that begin or end like it stay.
pub async fn what_was_forgotten_is_gone_and_nothing_else<C: Cache + ?Sized>(cache: &Arc<C>) {
    for key in ["key", "key2", "ke", "a key"] {
        put(&**cache, key, "value").await;
    }
    cache.forget("key").await.unwrap();
    assert!(!has(&**cache, "key").await);
    for key in ["key2", "ke", "a key"] {
        assert!(has(&**cache, key).await, "{key}");
    }
}

/// Neither other groups, however similar their names, nor what is of no group.
pub async fn a_group_is_forgotten_whole_and_nothing_else<C: Cache + ?Sized>(cache: &Arc<C>) {
    let others = ["", "grou", "group2", "group:", "*", "Group", "{group}", "gro\0up"];
    for group in others {
        put_in(&**cache, group, &format!("of {group}")).await;
    }
    put(&**cache, "free", "value").await;
    for key in ["a", "b", "c"] {
        put_in(&**cache, "group", key).await;
    }
    cache.forget_group("group").await.unwrap();
    for key in ["a", "b", "c"] {
        assert!(!has(&**cache, key).await, "{key}");
    }
    assert!(has(&**cache, "free").await);
    for group in others {
        let key = format!("of {group}");
        assert!(has(&**cache, &key).await, "{key:?}");
        cache.forget_group(group).await.unwrap();
        assert!(!has(&**cache, &key).await, "{key:?}");
    }
    assert!(has(&**cache, "free").await);
}

/// As often as one likes; what was forgotten before does not come back.
pub async fn a_forgotten_group_can_begin_again<C: Cache + ?Sized>(cache: &Arc<C>) {
    put_in(&**cache, "group", "old").await;
    for _ in 0..3 {
        cache.forget_group("group").await.unwrap();
        put_in(&**cache, "group", "new").await;
        assert!(has(&**cache, "new").await);
        assert!(!has(&**cache, "old").await);
    }
    cache.forget_group("group").await.unwrap();
    assert!(!has(&**cache, "new").await);
}

/// Or of none.
pub async fn a_value_is_of_the_group_it_was_put_under_last<C: Cache + ?Sized>(cache: &Arc<C>) {
    put_in(&**cache, "first", "moved").await;
    put_in(&**cache, "second", "moved").await;
    put_in(&**cache, "first", "freed").await;
    put(&**cache, "freed", "value").await;
    put(&**cache, "taken", "value").await;
    put_in(&**cache, "second", "taken").await;
    cache.forget_group("first").await.unwrap();
    for key in ["moved", "freed", "taken"] {
        assert!(has(&**cache, key).await, "{key}");
    }
    cache.forget_group("second").await.unwrap();
    assert!(!has(&**cache, "moved").await);
    assert!(!has(&**cache, "taken").await);
    assert!(has(&**cache, "freed").await);
}

/// Nor can a key be made that passes for what a cache notes of a group.
pub async fn groups_and_keys_of_the_same_name_are_not_each_other<C: Cache + ?Sized>(cache: &Arc<C>) {
    let names = [
        "name",
        "group:name",
        "g:name",
        "groups",
        "cache:name",
        "{name}",
        "{name}:0",
    ];
    for name in names {
        put_in(&**cache, "name", &format!("member {name}")).await;
        put(&**cache, name, "value").await;
    }
    for name in names {
        cache.forget(name).await.unwrap();
    }
    for name in names {
        assert!(has(&**cache, &format!("member {name}")).await, "{name}");
        put(&**cache, name, "value").await;
    }
    cache.forget_group("name").await.unwrap();
    for name in names {
        assert!(has(&**cache, name).await, "{name}");
        assert!(!has(&**cache, &format!("member {name}")).await, "{name}");
    }
}

/// Whatever it costs.
pub async fn a_group_of_thousands_is_forgotten<C: Cache + ?Sized>(cache: &Arc<C>) {
    let keys: Vec<String> = (0..2_000).map(|number| format!("key {number}")).collect();
    for some in keys.chunks(50) {
        join_all(some.iter().map(|key| put_in(&**cache, "group", key))).await;
    }
    put_in(&**cache, "other", "other").await;
    cache.forget_group("group").await.unwrap();
    for some in keys.chunks(50) {
        let there = join_all(some.iter().map(|key| has(&**cache, key))).await;
        assert!(!there.into_iter().any(|there| there));
    }
    assert!(has(&**cache, "other").await);
}

/// Each reads what it put itself; of a key that all put, one whole value.
pub async fn parallel_users_do_not_disturb_each_other<C: Cache + ?Sized + 'static>(cache: &Arc<C>) {
    let users: Vec<_> = (0..8_u8)
        .map(|number| {
            let cache = Arc::clone(cache);
            tokio::spawn(async move {
                let (own, group) = (format!("key {number}"), format!("group {number}"));
                let value = Bytes::from(vec![number; 10_000]);
                for _ in 0..20 {
                    cache.put(&own, value.clone(), LONG, Some(&group)).await.unwrap();
                    cache.put("shared", value.clone(), LONG, None).await.unwrap();
                    assert_eq!(cache.get(&own).await.unwrap().as_ref(), Some(&value));
                    let shared = cache.get("shared").await.unwrap().unwrap();
                    assert_eq!(shared.len(), 10_000);
                    assert!(shared.iter().all(|byte| *byte == shared[0]), "of two values");
                    cache.forget_group(&group).await.unwrap();
                    assert_eq!(cache.get(&own).await.unwrap(), None);
                }
            })
        })
        .collect();
    for user in users {
        user.await.unwrap();
    }
}
