//! What every [`SessionStore`](parlance_domain::accounts::SessionStore) must do.

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use parlance_domain::accounts::{
    AccountChange, Ends, Proof, Purpose, RevokedSession, Rotation, Session, Standing,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};
use uuid::Uuid;

use crate::secrets::{is_good, secret};
use crate::stores::{Stores, at, session, terms};

/// Makes a test of each rule of a session store; the expression makes [`Stores`].
#[macro_export]
macro_rules! session_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            sessions,
            $make,
            [
                a_new_session_notes_the_sign_in_on_its_account_alone,
                a_session_of_nobody_is_refused,
                a_session_of_an_account_out_of_use_is_refused,
                a_session_of_an_account_that_changed_is_refused,
                no_session_slips_in_while_all_of_them_end,
                a_rotation_is_kept,
                threat_01_of_32_rotations_at_once_one_gives_the_successor,
                threat_02_reuse_ends_the_session_and_is_kept,
                a_session_that_is_not_there_is_not_rotated,
                an_expired_session_is_not_rotated,
                a_revoked_session_is_not_rotated,
                a_session_is_revoked_once,
                revoked_sessions_are_told_from_an_instant_on,
                the_end_of_one_session_is_not_that_of_another,
                a_session_is_read_back_ended_or_not,
                those_that_go_on_are_told_the_one_used_last_first,
                showing_again_who_one_is_is_kept_for_a_session_that_goes_on,
                all_sessions_of_a_user_end_but_one_and_are_told_once,
                threat_30_nobody_ends_or_touches_a_session_of_another,
                what_changes_something_writes_its_consequences_and_what_does_not_none,
                expired_sessions_are_purged_in_batches,
                a_purge_takes_only_what_has_expired,
            ]
        );
    };
}

async fn begun(stores: &Stores, number: u128, user: UserId, seconds: i64) -> Session {
    let session = session(number, user, seconds);
    stores.begin(&session).await.unwrap();
    session
}

async fn rotate(stores: &Stores, session: &Session, presented: u64, seconds: i64) -> Option<Rotation> {
    stores
        .sessions
        .rotate(session.id, presented, terms(seconds))
        .await
        .unwrap()
}

/// The account's last login is the beginning of its newest session; nobody else's.
pub async fn a_new_session_notes_the_sign_in_on_its_account_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let bob_before = stores.accounts.by_id(bob).await.unwrap();
    let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
    begun(stores, 10, ann, 500).await;
    let after = stores.accounts.by_id(ann).await.unwrap().unwrap();
    assert_eq!(after.last_login_at, Some(at(500)));
    assert_eq!(
        after.revision, before.revision,
        "a sign-in is no change of the profile"
    );
    assert_eq!(stores.accounts.by_id(bob).await.unwrap(), bob_before);
}

/// There is no session without its account.
pub async fn a_session_of_nobody_is_refused(stores: &Stores) {
    let ann = stores.learner(1).await;
    let before = stores.accounts.by_id(ann).await.unwrap();
    let orphan = session(10, crate::stores::user(404), 500);
    assert_eq!(stores.begin(&orphan).await.unwrap(), None);
    assert_eq!(stores.accounts.by_id(ann).await.unwrap(), before);
    assert_eq!(rotate(stores, &orphan, 0, 501).await, None);
}

/// Nor a new one of an account that is out of use; of one that is in use, the account is given as it is with the session.
pub async fn a_session_of_an_account_out_of_use_is_refused(stores: &Stores) {
    let (ann, _another) = (stores.learner(1).await, stores.learner(2).await);
    let begun = stores.begin(&session(10, ann, 500)).await.unwrap().unwrap();
    assert_eq!(begun.last_login_at, Some(at(500)));
    assert_eq!(stores.accounts.by_id(ann).await.unwrap().as_ref(), Some(&begun));
    let after = begun.changed(at(501), |next| {
        next.standing = Standing::Deactivated { since: at(501) }
    });
    let change = AccountChange::new(&begun, after, Consequences::default());
    stores.accounts.save(&change).await.unwrap();
    let before = stores.accounts.by_id(ann).await.unwrap();
    let late = session(11, ann, 502);
    assert_eq!(stores.begin(&late).await.unwrap(), None);
    assert_eq!(stores.accounts.by_id(ann).await.unwrap(), before);
    assert_eq!(rotate(stores, &late, 0, 503).await, None);
}

/// Whoever was let in by the account as it was is not by the account as it is; nothing is written.
pub async fn a_session_of_an_account_that_changed_is_refused(stores: &Stores) {
    let ann = stores.learner(1).await;
    let read = stores.accounts.by_id(ann).await.unwrap().unwrap();
    let after = read.changed(at(1), |next| next.email_verified = true);
    stores.save(&after, read.revision).await.unwrap();
    let (late, told) = (session(10, ann, 2), secret(1, ann, Purpose::Export));
    let consequences = Consequences::default().and_secret(told.clone());
    for never in [read.revision, after.revision + 1] {
        let inserted = stores.sessions.insert(&late, never, &consequences).await;
        assert_eq!(inserted.unwrap(), None);
    }
    assert_eq!(stores.accounts.by_id(ann).await.unwrap().as_ref(), Some(&after));
    assert!(!is_good(stores, &told).await);
    assert_eq!(rotate(stores, &late, 0, 3).await, None);
    let inserted = stores.sessions.insert(&late, after.revision, &consequences);
    assert!(inserted.await.unwrap().is_some());
}

/// It begins before the change, and ends with it, or it does not begin.
pub async fn no_session_slips_in_while_all_of_them_end(stores: &Stores) {
    for round in 1..=8_u128 {
        let ann = stores.learner(round).await;
        let read = stores.accounts.by_id(ann).await.unwrap().unwrap();
        let after = read.changed(at(1), |_| ());
        let change = AccountChange::new(&read, after, Consequences::default()).ending(Ends::AllSessions);
        let sessions: Vec<_> = (0..8)
            .map(|number| session(round << 8 | number, ann, 2))
            .collect();
        let nothing = Consequences::default();
        let insert = |session| stores.sessions.insert(session, read.revision, &nothing);
        let (saved, begun) = join(
            stores.accounts.save(&change),
            join_all(sessions.iter().map(insert)),
        )
        .await;
        let ended = saved.unwrap();
        for (session, begun) in sessions.iter().zip(begun) {
            assert_eq!(begun.unwrap().is_some(), ended.contains(&session.id));
        }
        assert_eq!(stores.sessions.live(ann, at(3)).await.unwrap(), []);
    }
}

/// What the rule of the domain decides is what the next rotation starts from.
pub async fn a_rotation_is_kept(stores: &Stores) {
    let user = stores.learner(1).await;
    let mut session = begun(stores, 10, user, 0).await;
    for step in 0..5 {
        let rotated = rotate(stores, &session, step, 60).await.unwrap();
        assert_eq!(rotated, session.rotate(step, terms(60)));
        let Rotation::Rotated(next) = rotated else {
            panic!("not rotated: {rotated:?}")
        };
        session = next;
    }
}

/// The look and the change are one: the others are told the same successor.
pub async fn threat_01_of_32_rotations_at_once_one_gives_the_successor(stores: &Stores) {
    let user = stores.learner(1).await;
    for round in 0..8 {
        let session = begun(stores, 100 + round, user, 0).await;
        let outcomes = join_all((0..32).map(|_| rotate(stores, &session, 0, 60))).await;
        let mut rotated = 0;
        for outcome in outcomes {
            match outcome {
                Some(Rotation::Rotated(next)) => {
                    assert_eq!(next.counter, 1);
                    rotated += 1;
                }
                Some(Rotation::SameSuccessor { counter, .. }) => assert_eq!(counter, 1),
                other => panic!("neither: {other:?}"),
            }
        }
        assert_eq!(rotated, 1);
    }
}

/// A copied token ends the session for whoever holds the head, too.
pub async fn threat_02_reuse_ends_the_session_and_is_kept(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 0).await;
    rotate(stores, &session, 0, 60).await;
    rotate(stores, &session, 1, 61).await;
    let reused = rotate(stores, &session, 0, 120).await;
    assert!(matches!(&reused, Some(Rotation::Reused(ended)) if ended.revoked_at == Some(at(120))));
    assert_eq!(rotate(stores, &session, 2, 121).await, Some(Rotation::Ended));
    let revoked = stores.sessions.revoked_since(at(120)).await.unwrap();
    let expected = RevokedSession {
        id: session.id,
        revoked_at: at(120),
    };
    assert_eq!(revoked, [expected]);
}

/// Absence is no error.
pub async fn a_session_that_is_not_there_is_not_rotated(stores: &Stores) {
    let user = stores.learner(1).await;
    assert_eq!(rotate(stores, &session(10, user, 0), 0, 1).await, None);
}

/// A head is good until its time has come.
pub async fn an_expired_session_is_not_rotated(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 0).await;
    let week = 7 * 86_400;
    assert_eq!(rotate(stores, &session, 0, week).await, Some(Rotation::Ended));
    assert!(matches!(
        rotate(stores, &session, 0, week - 1).await,
        Some(Rotation::Rotated(_))
    ));
}

/// After a sign-out no token of the session is good.
pub async fn a_revoked_session_is_not_rotated(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 0).await;
    assert!(stores.end(&session, at(5)).await.unwrap());
    assert_eq!(rotate(stores, &session, 0, 6).await, Some(Rotation::Ended));
}

/// The first end counts, and stays.
pub async fn a_session_is_revoked_once(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 0).await;
    let ends = join_all((0..8).map(|_| stores.end(&session, at(5)))).await;
    let ended = ends.into_iter().filter(|end| *end.as_ref().unwrap()).count();
    assert_eq!(ended, 1);
    assert!(!stores.end(&session, at(9)).await.unwrap());
    let revoked = stores.sessions.revoked_since(at(0)).await.unwrap();
    assert_eq!(
        revoked.iter().map(|one| one.revoked_at).collect::<Vec<_>>(),
        [at(5)]
    );
    let nobody = crate::stores::session(404, user, 0);
    assert!(!stores.end(&nobody, at(5)).await.unwrap());
}

/// The instant itself included; sessions that live are not among them.
pub async fn revoked_sessions_are_told_from_an_instant_on(stores: &Stores) {
    let user = stores.learner(1).await;
    for (number, seconds) in [(10, 100), (11, 200), (12, 300)] {
        let session = begun(stores, number, user, 0).await;
        stores.end(&session, at(seconds)).await.unwrap();
    }
    begun(stores, 13, user, 0).await;
    let since = async |seconds| {
        let revoked = stores.sessions.revoked_since(at(seconds)).await.unwrap();
        let mut ids: Vec<u128> = revoked.iter().map(|one| one.id.0.as_u128()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(since(0).await, [10, 11, 12]);
    assert_eq!(since(200).await, [11, 12]);
    assert!(since(301).await.is_empty());
}

/// All members come back.
pub async fn a_session_is_read_back_ended_or_not(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 3).await;
    assert_eq!(by_id(stores, session.id).await, Some(session.clone()));
    stores.end(&session, at(5)).await.unwrap();
    let ended = Session {
        revoked_at: Some(at(5)),
        ..session
    };
    assert_eq!(by_id(stores, ended.id).await, Some(ended));
    assert_eq!(by_id(stores, SessionId(Uuid::from_u128(404))).await, None);
}

async fn by_id(stores: &Stores, id: SessionId) -> Option<Session> {
    stores.sessions.by_id(id).await.unwrap()
}

async fn live(stores: &Stores, user: UserId, seconds: i64) -> Vec<u128> {
    let live = stores.sessions.live(user, at(seconds)).await.unwrap();
    assert!(live.iter().all(|session| session.user_id == user));
    live.iter().map(|session| session.id.0.as_u128()).collect()
}

/// Neither those that were ended or have expired nor those of others.
pub async fn those_that_go_on_are_told_the_one_used_last_first(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let first = live(stores, ann, 1).await;
    for number in [10, 11, 12] {
        begun(stores, number, ann, 100 + i64::try_from(number).unwrap()).await;
    }
    begun(stores, 20, bob, 500).await;
    assert_eq!(live(stores, ann, 200).await, [&[12, 11, 10], &first[..]].concat());
    rotate(stores, &session(10, ann, 110), 0, 300).await;
    stores.end(&session(11, ann, 111), at(301)).await.unwrap();
    assert_eq!(live(stores, ann, 400).await, [&[10, 12], &first[..]].concat());
    assert_eq!(live(stores, ann, 7 * 86_400 + 112).await, [10]);
}

/// When and how, and nothing else of it.
pub async fn showing_again_who_one_is_is_kept_for_a_session_that_goes_on(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 0).await;
    assert!(authenticated(stores, &session, 60).await);
    let after = Session {
        authenticated_at: at(60),
        proof: Proof::Passkey,
        ..session.clone()
    };
    assert_eq!(by_id(stores, session.id).await, Some(after));
    assert!(
        !authenticated(stores, &session, 7 * 86_400).await,
        "it has expired"
    );
    stores.end(&session, at(70)).await.unwrap();
    assert!(!authenticated(stores, &session, 80).await);
    let ended = by_id(stores, session.id).await.unwrap();
    assert_eq!(ended.authenticated_at, at(60));
}

async fn authenticated(stores: &Stores, session: &Session, seconds: i64) -> bool {
    let (user, nothing) = (session.user_id, Consequences::default());
    let noted = stores
        .sessions
        .authenticated(user, session.id, Proof::Passkey, at(seconds), &nothing);
    noted.await.unwrap()
}

async fn end_all(stores: &Stores, user: UserId, except: Option<u128>, seconds: i64) -> Vec<u128> {
    let (except, nothing) = (
        except.map(Uuid::from_u128).map(SessionId),
        Consequences::default(),
    );
    let ended = stores.sessions.revoke_all(user, except, at(seconds), &nothing);
    let mut ended: Vec<_> = ended.await.unwrap().iter().map(|id| id.0.as_u128()).collect();
    ended.sort_unstable();
    ended
}

/// The others go on, and so do those of others.
pub async fn all_sessions_of_a_user_end_but_one_and_are_told_once(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let others = live(stores, bob, 1).await;
    end_all(stores, ann, None, 1).await;
    for number in [10, 11, 12] {
        begun(stores, number, ann, 2).await;
    }
    stores.end(&session(12, ann, 2), at(3)).await.unwrap();
    assert_eq!(end_all(stores, ann, Some(11), 4).await, [10]);
    assert_eq!(live(stores, ann, 5).await, [11]);
    assert!(end_all(stores, ann, Some(11), 6).await.is_empty());
    assert_eq!(end_all(stores, ann, None, 7).await, [11]);
    assert_eq!(live(stores, bob, 8).await, others);
    let revoked = stores.sessions.revoked_since(at(4)).await.unwrap();
    let revoked: Vec<_> = revoked.iter().map(|one| one.revoked_at).collect();
    assert_eq!(revoked, [at(4), at(7)]);
}

/// Whoever knows the id of a session of another has nothing by it.
pub async fn threat_30_nobody_ends_or_touches_a_session_of_another(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let session = begun(stores, 10, ann, 0).await;
    let foreign = Session {
        user_id: bob,
        ..session.clone()
    };
    assert!(!stores.end(&foreign, at(5)).await.unwrap());
    assert!(!authenticated(stores, &foreign, 5).await);
    end_all(stores, bob, None, 5).await;
    assert_eq!(by_id(stores, session.id).await, Some(session));
}

/// With the change or not at all.
pub async fn what_changes_something_writes_its_consequences_and_what_does_not_none(stores: &Stores) {
    let user = stores.learner(1).await;
    let revision = stores.accounts.by_id(user).await.unwrap().unwrap().revision;
    let session = begun(stores, 10, user, 0).await;
    let mut secrets = (1..).map(|number| secret(number, user, Purpose::Export));
    let mut next = || {
        let secret = secrets.next().unwrap();
        let consequences = Consequences::default().and_secret(secret.clone());
        (secret, consequences)
    };
    let sessions = &stores.sessions;
    for (id, changes) in [(session.id, true), (SessionId(Uuid::from_u128(404)), false)] {
        let (told, consequences) = next();
        let noted = sessions.authenticated(user, id, Proof::Password, at(1), &consequences);
        assert_eq!(
            (noted.await.unwrap(), is_good(stores, &told).await),
            (changes, changes)
        );
    }
    for changes in [true, false] {
        let (told, consequences) = next();
        let revoked = sessions.revoke(user, session.id, at(2), &consequences);
        assert_eq!(
            (revoked.await.unwrap(), is_good(stores, &told).await),
            (changes, changes)
        );
    }
    for changes in [true, false] {
        let (told, consequences) = next();
        let ended = sessions
            .revoke_all(user, None, at(3), &consequences)
            .await
            .unwrap();
        assert_eq!(
            (!ended.is_empty(), is_good(stores, &told).await),
            (changes, changes)
        );
    }
    for (number, user_id, changes) in [(11, user, true), (12, crate::stores::user(404), false)] {
        let (told, consequences) = next();
        let session = crate::stores::session(number, user_id, 4);
        let begun = sessions.insert(&session, revision, &consequences).await;
        assert_eq!(
            (begun.unwrap().is_some(), is_good(stores, &told).await),
            (changes, changes)
        );
    }
}

/// Isolation: neither another session of the user nor one of another user.
pub async fn the_end_of_one_session_is_not_that_of_another(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let ended = begun(stores, 10, ann, 0).await;
    let others = [begun(stores, 11, ann, 0).await, begun(stores, 12, bob, 0).await];
    rotate(stores, &ended, 0, 60).await;
    stores.end(&ended, at(61)).await.unwrap();
    for other in others {
        let rotated = rotate(stores, &other, 0, 62).await;
        assert!(matches!(rotated, Some(Rotation::Rotated(next)) if next.user_id == other.user_id));
    }
}

/// At most as many as asked for at a time, and in the end all.
pub async fn expired_sessions_are_purged_in_batches(stores: &Stores) {
    let user = stores.learner(1).await;
    for number in 0..10 {
        begun(stores, 100 + number, user, 1).await;
    }
    let later = at(1) + TimeDelta::days(7) + TimeDelta::milliseconds(1);
    let mut purged = Vec::new();
    for _ in 0..4 {
        purged.push(stores.sessions.purge_expired(later, 4).await.unwrap());
    }
    // The session that the learner registered with has expired as well.
    assert_eq!(purged, [4, 4, 3, 0]);
}

/// What expires at the very instant has not expired before it.
pub async fn a_purge_takes_only_what_has_expired(stores: &Stores) {
    let user = stores.learner(1).await;
    let session = begun(stores, 10, user, 50).await;
    let purged = stores
        .sessions
        .purge_expired(session.expires_at, 100)
        .await
        .unwrap();
    assert_eq!(purged, 1, "that of the registration");
    assert!(matches!(
        rotate(stores, &session, 0, 60).await,
        Some(Rotation::Rotated(_))
    ));
}
