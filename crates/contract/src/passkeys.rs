//! What every [`PasskeyStore`](parlance_domain::accounts::PasskeyStore) must do.

use futures_util::future::join_all;
use parlance_domain::accounts::{
    Account, AccountChange, CeremonyState, CredentialId, Ends, InsertPasskeyError, Passkey, PasskeyAudience,
    PasskeyChallenge, PasskeyCredential, PasskeyName, PasskeyUse, PasswordHash, Purpose, RemovePasskeyError,
    UnlinkOutcome,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{PasskeyChallengeId, PasskeyId, SessionId, UserId};
use uuid::Uuid;

use crate::identities;
use crate::secrets::{is_good, secret};
use crate::stores::{Stores, account, at, session, user};

/// Makes a test of each rule of a store of passkeys; the expression makes [`Stores`].
#[macro_export]
macro_rules! passkey_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            passkeys,
            $make,
            [
                a_challenge_is_used_once_and_for_what_it_is,
                threat_07_of_16_uses_of_a_challenge_at_once_one_succeeds,
                a_challenge_is_good_until_it_expires,
                what_has_expired_is_purged_and_nothing_else,
                a_passkey_is_read_back_by_its_owner,
                a_passkey_is_kept_once_for_each_account,
                there_is_room_for_so_many_passkeys_and_no_more,
                of_16_passkeys_added_at_once_as_many_are_kept_as_there_is_room_for,
                a_counter_only_goes_on,
                of_16_uses_with_the_same_counter_at_once_one_succeeds,
                a_passkey_is_renamed_by_its_owner_alone,
                a_passkey_is_taken_away_by_its_owner_alone,
                the_last_way_in_stays,
                a_passkey_and_an_identity_stand_in_for_each_other,
                of_two_last_ways_in_that_go_at_once_one_stays,
                a_new_password_takes_the_passkeys_when_it_ends_all_sessions,
                threat_05_a_session_that_has_ended_adds_no_passkey,
                consequences_are_written_with_what_was_done_or_not_at_all,
            ]
        );
    };
}

/// A passkey that was added this many seconds after [`at`] 0.
pub(crate) fn passkey(number: u8, user_id: UserId, seconds: i64) -> Passkey {
    Passkey {
        id: PasskeyId(Uuid::from_u128(number.into())),
        user_id,
        name: name(&format!("passkey 学 {number}")),
        credential: PasskeyCredential {
            id: CredentialId::new(vec![number; usize::from(number) + 1]).unwrap(),
            public_key: format!("{{\"key\": \"{number}\"}}"),
        },
        counter: 0,
        created_at: at(seconds),
        last_used_at: None,
    }
}

fn name(text: &str) -> PasskeyName {
    text.parse().unwrap()
}

fn within(number: u128) -> PasskeyAudience {
    PasskeyAudience::Session(SessionId(Uuid::from_u128(number)))
}

/// A challenge that is good for so many seconds after [`at`] 0.
fn challenge(number: u128, audience: PasskeyAudience, seconds: i64) -> PasskeyChallenge {
    PasskeyChallenge {
        id: PasskeyChallengeId(Uuid::from_u128(number)),
        audience,
        state: CeremonyState(format!("{{\"state\": \"学 {number}\"}}")),
        expires_at: at(seconds),
    }
}

async fn issued(stores: &Stores, number: u128, audience: PasskeyAudience, seconds: i64) -> PasskeyChallenge {
    let challenge = challenge(number, audience, seconds);
    stores.passkeys.issue(&challenge).await.unwrap();
    challenge
}

async fn redeem(
    stores: &Stores,
    challenge: &PasskeyChallenge,
    audience: PasskeyAudience,
    seconds: i64,
) -> Option<CeremonyState> {
    let redeemed = stores.passkeys.redeem(challenge.id, audience, at(seconds));
    redeemed.await.unwrap()
}

async fn insert(stores: &Stores, passkey: &Passkey, most: u32) -> Result<(), InsertPasskeyError> {
    let (by, nothing) = (stores.session_of(passkey.user_id).await, Consequences::default());
    stores.passkeys.insert(passkey, by, most, &nothing).await
}

/// Gives a learner a passkey.
pub(crate) async fn give(stores: &Stores, passkey: &Passkey) {
    insert(stores, passkey, 10).await.unwrap();
}

async fn list(stores: &Stores, user: UserId) -> Vec<Passkey> {
    stores.passkeys.list(user).await.unwrap()
}

pub(crate) async fn used(stores: &Stores, passkey: &Passkey, counter: u32, seconds: i64) -> bool {
    let using = PasskeyUse {
        counter,
        at: at(seconds),
    };
    let used = stores.passkeys.used(passkey.user_id, passkey.id, &using);
    used.await.unwrap()
}

async fn remove(stores: &Stores, user: UserId, passkey: &Passkey) -> Result<(), RemovePasskeyError> {
    let nothing = Consequences::default();
    stores.passkeys.remove(user, passkey.id, &nothing).await
}

/// Keeps an account that has no password.
async fn without_password(stores: &Stores, number: u128) -> UserId {
    let mut account = account(number, &format!("learner{number}@example.com"), None);
    account.password_hash = PasswordHash::absent();
    let id = account.account.id;
    let session = session(number << 64 | 0xFFFF, id, 0);
    stores.keep(&account, &session).await.unwrap();
    id
}

/// For a sign-in or for one session, never for the other.
pub async fn a_challenge_is_used_once_and_for_what_it_is(stores: &Stores) {
    for (number, audience, others) in [
        (1, PasskeyAudience::Anybody, [within(1), within(2)]),
        (2, within(1), [PasskeyAudience::Anybody, within(2)]),
    ] {
        let challenge = issued(stores, number, audience, 300).await;
        for other in others {
            assert_eq!(redeem(stores, &challenge, other, 0).await, None);
        }
        let state = redeem(stores, &challenge, audience, 0).await;
        assert_eq!(state.as_ref(), Some(&challenge.state));
        assert_eq!(redeem(stores, &challenge, audience, 0).await, None);
    }
    let never = challenge(404, PasskeyAudience::Anybody, 300);
    assert_eq!(redeem(stores, &never, PasskeyAudience::Anybody, 0).await, None);
}

/// The look and the use are one.
pub async fn threat_07_of_16_uses_of_a_challenge_at_once_one_succeeds(stores: &Stores) {
    let audience = PasskeyAudience::Anybody;
    for number in 1..=4 {
        let challenge = issued(stores, number, audience, 300).await;
        let uses = join_all((0..16).map(|_| redeem(stores, &challenge, audience, 0))).await;
        assert_eq!(uses.into_iter().flatten().count(), 1);
    }
}

/// Not at the very instant, nor later.
pub async fn a_challenge_is_good_until_it_expires(stores: &Stores) {
    let audience = PasskeyAudience::Anybody;
    let late = issued(stores, 1, audience, 300).await;
    assert_eq!(redeem(stores, &late, audience, 300).await, None);
    let in_time = issued(stores, 2, audience, 300).await;
    assert!(redeem(stores, &in_time, audience, 299).await.is_some());
}

/// Batch by batch.
pub async fn what_has_expired_is_purged_and_nothing_else(stores: &Stores) {
    let audience = PasskeyAudience::Anybody;
    for number in 1..=3 {
        issued(stores, number, audience, 100).await;
    }
    let good = issued(stores, 4, audience, 300).await;
    let mut purged = Vec::new();
    for _ in 0..3 {
        purged.push(stores.passkeys.purge(at(300), 2).await.unwrap());
    }
    assert_eq!(purged, [2, 1, 0]);
    assert!(redeem(stores, &good, audience, 200).await.is_some());
}

/// All members come back, the passkey added first first; others have none of it.
pub async fn a_passkey_is_read_back_by_its_owner(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let passkeys = [passkey(1, ann, 5), passkey(2, ann, 0), passkey(3, ann, 5)];
    for passkey in &passkeys {
        give(stores, passkey).await;
    }
    let [first, second, third] = passkeys;
    assert_eq!(list(stores, ann).await, [second, first, third]);
    assert_eq!(list(stores, bob).await, []);
    assert_eq!(list(stores, user(404)).await, []);
}

/// Whatever it is called; another account may have one that its device calls the same.
pub async fn a_passkey_is_kept_once_for_each_account(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let first = passkey(1, ann, 0);
    give(stores, &first).await;
    let again = Passkey {
        id: PasskeyId(Uuid::from_u128(9)),
        name: name("another name"),
        ..first.clone()
    };
    let refused = insert(stores, &again, 10).await;
    assert!(matches!(refused, Err(InsertPasskeyError::Exists)));
    let of_bob = Passkey {
        user_id: bob,
        ..first.clone()
    };
    give(stores, &of_bob).await;
    assert_eq!(list(stores, ann).await, [first]);
    assert_eq!(list(stores, bob).await, [of_bob]);
}

/// Those of others do not count.
pub async fn there_is_room_for_so_many_passkeys_and_no_more(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    give(stores, &passkey(9, bob, 0)).await;
    for number in 1..=2 {
        insert(stores, &passkey(number, ann, 0), 2).await.unwrap();
    }
    let refused = insert(stores, &passkey(3, ann, 0), 2).await;
    assert!(matches!(refused, Err(InsertPasskeyError::TooMany)));
    let same = insert(stores, &passkey(2, ann, 0), 2).await;
    assert!(matches!(same, Err(InsertPasskeyError::Exists)));
    remove(stores, ann, &passkey(1, ann, 0)).await.unwrap();
    insert(stores, &passkey(3, ann, 0), 2).await.unwrap();
}

/// The count and the change are one.
pub async fn of_16_passkeys_added_at_once_as_many_are_kept_as_there_is_room_for(stores: &Stores) {
    let ann = stores.learner(1).await;
    let passkeys: Vec<_> = (1..=16).map(|number| passkey(number, ann, 0)).collect();
    let all = join_all(passkeys.iter().map(|passkey| insert(stores, passkey, 5))).await;
    assert_eq!(all.into_iter().flatten().count(), 5);
    assert_eq!(list(stores, ann).await.len(), 5);
}

/// A device that does not count says 0 each time.
pub async fn a_counter_only_goes_on(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let passkey = passkey(1, ann, 0);
    give(stores, &passkey).await;
    let mut outcomes = Vec::new();
    for (counter, seconds) in [
        (0, 10),
        (0, 20),
        (7, 30),
        (7, 40),
        (6, 50),
        (0, 60),
        (8, 70),
        (u32::MAX, 80),
    ] {
        outcomes.push(used(stores, &passkey, counter, seconds).await);
    }
    assert_eq!(outcomes, [true, true, true, false, false, false, true, true]);
    let noted = list(stores, ann).await.remove(0);
    assert_eq!((noted.counter, noted.last_used_at), (u32::MAX, Some(at(80))));
    let of_bob = Passkey {
        user_id: bob,
        ..passkey.clone()
    };
    assert!(!used(stores, &of_bob, 9, 90).await);
    remove(stores, ann, &passkey).await.unwrap();
    assert!(!used(stores, &passkey, 9, 90).await);
}

/// The look and the change are one: of two devices with the same key, one is let in.
pub async fn of_16_uses_with_the_same_counter_at_once_one_succeeds(stores: &Stores) {
    let ann = stores.learner(1).await;
    let passkey = passkey(1, ann, 0);
    give(stores, &passkey).await;
    for counter in 1..=4 {
        let uses = join_all((0..16).map(|_| used(stores, &passkey, counter, 10))).await;
        assert_eq!(uses.into_iter().filter(|used| *used).count(), 1);
    }
}

/// Nothing else of it changes.
pub async fn a_passkey_is_renamed_by_its_owner_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let passkey = passkey(1, ann, 0);
    give(stores, &passkey).await;
    let rename = async |user, id| {
        let (new, nothing) = (name("手机"), Consequences::default());
        let renamed = stores.passkeys.rename(user, id, &new, &nothing).await;
        renamed.unwrap()
    };
    assert!(!rename(bob, passkey.id).await);
    assert!(!rename(ann, PasskeyId(Uuid::from_u128(404))).await);
    assert_eq!(list(stores, ann).await, std::slice::from_ref(&passkey));
    assert!(rename(ann, passkey.id).await);
    let renamed = Passkey {
        name: name("手机"),
        ..passkey
    };
    assert_eq!(list(stores, ann).await, [renamed]);
}

/// Others stay.
pub async fn a_passkey_is_taken_away_by_its_owner_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (first, second) = (passkey(1, ann, 0), passkey(2, ann, 0));
    give(stores, &first).await;
    give(stores, &second).await;
    let is_not_found = |result| matches!(result, Err(RemovePasskeyError::NotFound));
    assert!(is_not_found(remove(stores, bob, &first).await));
    remove(stores, ann, &first).await.unwrap();
    assert!(is_not_found(remove(stores, ann, &first).await));
    assert_eq!(list(stores, ann).await, std::slice::from_ref(&second));
    // There is a password.
    remove(stores, ann, &second).await.unwrap();
}

/// Where there is no password.
pub async fn the_last_way_in_stays(stores: &Stores) {
    let ann = without_password(stores, 1).await;
    let (first, second) = (passkey(1, ann, 0), passkey(2, ann, 0));
    give(stores, &first).await;
    give(stores, &second).await;
    remove(stores, ann, &second).await.unwrap();
    let refused = remove(stores, ann, &first).await;
    assert!(matches!(refused, Err(RemovePasskeyError::LastWayIn)));
    assert_eq!(list(stores, ann).await, [first]);
}

/// Whoever has the one can give the other away.
pub async fn a_passkey_and_an_identity_stand_in_for_each_other(stores: &Stores) {
    let ann = without_password(stores, 1).await;
    let passkey = passkey(1, ann, 0);
    give(stores, &passkey).await;
    identities::give(stores, ann, 7).await;
    remove(stores, ann, &passkey).await.unwrap();
    give(stores, &passkey).await;
    let (linked, nothing) = (
        stores.identities.list(ann).await.unwrap(),
        Consequences::default(),
    );
    let unlinked = stores.identities.unlink(ann, linked[0].id, &nothing).await;
    assert_eq!(unlinked.unwrap(), UnlinkOutcome::Unlinked);
    let refused = remove(stores, ann, &passkey).await;
    assert!(matches!(refused, Err(RemovePasskeyError::LastWayIn)));
}

/// The look and the change are one.
pub async fn of_two_last_ways_in_that_go_at_once_one_stays(stores: &Stores) {
    let ann = without_password(stores, 1).await;
    let passkeys = [1, 2].map(|number| passkey(number, ann, 0));
    for _ in 0..4 {
        for passkey in &passkeys {
            // One of them may be there already.
            let _ = insert(stores, passkey, 10).await;
        }
        let both = join_all(passkeys.iter().map(|passkey| remove(stores, ann, passkey))).await;
        assert_eq!(both.into_iter().flatten().count(), 1);
        assert_eq!(list(stores, ann).await.len(), 1);
    }
}

/// As keys for programs: whoever takes an account back takes it from what others may have added.
pub async fn a_new_password_takes_the_passkeys_when_it_ends_all_sessions(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let of_bob = passkey(2, bob, 0);
    give(stores, &passkey(1, ann, 0)).await;
    give(stores, &of_bob).await;
    let kept = SessionId(Uuid::from_u128(1 << 64 | 0xFFFF));
    for (ends, left) in [(Ends::OtherSessions(kept), 1), (Ends::AllSessions, 0)] {
        let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
        let after = Account {
            revision: before.revision + 1,
            ..before.clone()
        };
        let change = AccountChange::new(&before, after, Consequences::default());
        let hash = PasswordHash::from_stored("another hash".to_owned());
        let change = change.with_password(hash).ending(ends);
        stores.accounts.save(&change).await.unwrap();
        assert_eq!(list(stores, ann).await.len(), left, "{ends:?}");
    }
    assert_eq!(list(stores, bob).await, [of_bob]);
}

/// Nor one of another, nor for an account that is gone.
pub async fn threat_05_a_session_that_has_ended_adds_no_passkey(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (of_ann, of_bob) = (stores.session_of(ann).await, stores.session_of(bob).await);
    let nothing = Consequences::default();
    let ended = stores.sessions.revoke(ann, of_ann, at(1), &nothing);
    assert!(ended.await.unwrap());
    for (owner, by) in [(ann, of_ann), (ann, of_bob), (user(404), of_bob)] {
        let refused = stores
            .passkeys
            .insert(&passkey(1, owner, 0), by, 10, &nothing)
            .await;
        assert!(
            matches!(refused, Err(InsertPasskeyError::SessionEnded)),
            "{refused:?}"
        );
    }
    assert_eq!(list(stores, ann).await, []);
}

/// Each change tells of itself alone.
pub async fn consequences_are_written_with_what_was_done_or_not_at_all(stores: &Stores) {
    let ann = stores.learner(1).await;
    let (passkeys, by) = (&stores.passkeys, stores.session_of(ann).await);
    let passkey = passkey(1, ann, 0);
    for (number, kept) in [(1, true), (2, false)] {
        // One key for each kind of change: what is written shows by it.
        let keys = [10, 20].map(|kind| secret(kind + number, ann, Purpose::Unlock));
        let news = keys.clone().map(|key| Consequences::default().and_secret(key));
        let inserted = passkeys.insert(&passkey, by, 10, &news[0]).await;
        assert_eq!((inserted.is_ok(), is_good(stores, &keys[0]).await), (kept, kept));
        let id = if kept {
            passkey.id
        } else {
            PasskeyId(Uuid::from_u128(404))
        };
        let renamed = passkeys.rename(ann, id, &name("new"), &news[1]).await;
        assert_eq!((renamed.unwrap(), is_good(stores, &keys[1]).await), (kept, kept));
    }
    for (number, gone) in [(31, true), (32, false)] {
        let key = secret(number, ann, Purpose::Unlock);
        let news = Consequences::default().and_secret(key.clone());
        let removed = passkeys.remove(ann, passkey.id, &news).await;
        assert_eq!((removed.is_ok(), is_good(stores, &key).await), (gone, gone));
    }
}
