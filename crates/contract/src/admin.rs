//! What every [`AccountDirectory`](parlance_domain::admin::AccountDirectory) must do.

use futures_util::future::{join, join_all};
use parlance_domain::accounts::{Account, Deletion, Role, Standing};
use parlance_domain::admin::{AccountPlace, AccountQuery, AccountStatus};
use parlance_domain::audit::{Action, Actor, AuditEntry, AuditFilter, Circumstances};
use parlance_domain::ids::{AuditId, UserId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::{AppendError, Changes, Rating};
use uuid::Uuid;

use crate::progress::learner::{Everything, Learner, review};
use crate::stores::{Stores, account, at, session, user};

/// Makes a test of each rule of a directory of accounts; the expression makes [`Stores`].
#[macro_export]
macro_rules! account_directory_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            admin,
            $make,
            [
                the_youngest_comes_first_and_pages_go_on_where_others_ended,
                what_is_made_or_deleted_meanwhile_moves_no_page,
                a_name_finds_who_begins_with_it_by_email_username_or_display_name,
                a_name_is_compared_without_regard_to_case_and_unicode_form,
                threat_45_no_character_of_a_name_means_anything_but_itself,
                a_changed_display_name_is_found_as_it_is_now,
                many_who_begin_alike_come_in_pages_too,
                roles_and_statuses_filter,
                all_filters_hold_at_once,
                deleted_accounts_are_due_when_their_time_has_come_the_earliest_first,
                what_is_purged_is_gone_and_told_of_in_the_audit_log,
                a_restored_account_is_not_purged,
                of_16_purges_at_once_one_deletes,
                threat_58_a_purge_while_progress_is_written_leaves_nothing_behind,
            ]
        );
    };
}

/// Keeps the account of this number, changed.
async fn keep(stores: &Stores, number: u128, change: impl FnOnce(&mut Account)) -> Account {
    let mut whole = account(number, &format!("learner{number}@example.com"), None);
    whole.account.roles = [Role::User].into();
    whole.account.display_name = None;
    change(&mut whole.account);
    let session = session(number << 64 | 1, whole.account.id, 0);
    stores.keep(&whole, &session).await.unwrap();
    whole.account
}

fn deleted(seconds: i64) -> Standing {
    Standing::Deleted(Deletion {
        by_owner: false,
        reason: Some("spam".to_owned()),
        since: at(0),
        purge_at: at(seconds),
    })
}

async fn found(stores: &Stores, query: &AccountQuery) -> Vec<UserId> {
    let accounts = stores.directory.page(query, None, 100).await.unwrap();
    accounts.iter().map(|account| account.id).collect()
}

async fn named(stores: &Stores, text: &str) -> Vec<UserId> {
    let query = AccountQuery {
        text: Some(text.parse().unwrap()),
        ..AccountQuery::default()
    };
    found(stores, &query).await
}

/// The accounts of these numbers.
fn users<const N: usize>(numbers: [u128; N]) -> [UserId; N] {
    numbers.map(user)
}

fn purged(number: u128) -> AuditEntry {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(100),
        actor: Actor::System,
        action: Action::AccountPurged,
        subject: Some(user(number)),
        circumstances: Circumstances::default(),
        details: [].into(),
    }
}

/// How often the log tells that an account was purged.
async fn told(stores: &Stores, number: u128) -> usize {
    let filter = AuditFilter {
        subject: Some(user(number)),
        action: Some(Action::AccountPurged),
        ..AuditFilter::default()
    };
    stores.audit.page(&filter, None, 100).await.unwrap().len()
}

/// In pages of two, some of them made at the same instant; with all that they hold.
pub async fn the_youngest_comes_first_and_pages_go_on_where_others_ended(stores: &Stores) {
    let mut all = Vec::new();
    for (number, seconds) in [(1, 5), (2, 7), (3, 5), (4, 9), (5, 5), (6, 1), (7, 7)] {
        all.push(keep(stores, number, |account| account.created_at = at(seconds)).await);
    }
    all.sort_by_key(|account| std::cmp::Reverse((account.created_at, account.id)));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = stores.directory.page(&AccountQuery::default(), after, 2).await;
        let page = page.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(AccountPlace::from(last));
        seen.extend(page);
    }
    assert_eq!(seen, all);
    assert_eq!(
        seen.iter().map(|account| account.id).collect::<Vec<_>>(),
        users([4, 7, 2, 5, 3, 1, 6])
    );
}

/// Even if it is the account that the page before ended with.
pub async fn what_is_made_or_deleted_meanwhile_moves_no_page(stores: &Stores) {
    for number in 1..=6 {
        let seconds = i64::try_from(number).unwrap();
        keep(stores, number, |account| {
            account.created_at = at(seconds);
            account.standing = if number == 5 { deleted(1) } else { Standing::Active };
        })
        .await;
    }
    let everybody = AccountQuery::default();
    let first = stores.directory.page(&everybody, None, 2).await.unwrap();
    let place = AccountPlace::from(&first[1]);
    assert_eq!(place.id, user(5));
    assert!(stores.directory.purge(user(5), at(1), &purged(5)).await.unwrap());
    keep(stores, 9, |account| account.created_at = at(99)).await;
    let rest = stores.directory.page(&everybody, Some(place), 10).await.unwrap();
    let rest: Vec<_> = rest.iter().map(|account| account.id).collect();
    assert_eq!(rest, users([4, 3, 2, 1]));
}

/// Whichever of the three it is; nobody comes twice.
pub async fn a_name_finds_who_begins_with_it_by_email_username_or_display_name(stores: &Stores) {
    keep(stores, 1, |account| {
        account.email = "anna@example.com".parse().unwrap();
    })
    .await;
    keep(stores, 2, |account| {
        account.username = Some("anna_b".parse().unwrap());
    })
    .await;
    keep(stores, 3, |account| {
        account.display_name = Some("Anna Berg".parse().unwrap());
    })
    .await;
    keep(stores, 4, |account| {
        account.email = "annabel@example.com".parse().unwrap();
        account.username = Some("annabel".parse().unwrap());
        account.display_name = Some("Annabel".parse().unwrap());
    })
    .await;
    keep(stores, 5, |account| {
        account.display_name = Some("Joanna".parse().unwrap());
    })
    .await;
    assert_eq!(named(stores, "anna").await, users([4, 3, 2, 1]));
    assert_eq!(named(stores, "annab").await, users([4]));
    assert_eq!(named(stores, "anna@example.com").await, users([1]));
    assert_eq!(named(stores, "anna b").await, users([3]));
    assert_eq!(named(stores, "joanna").await, users([5]));
    assert_eq!(named(stores, "berg").await, []);
}

/// By the keys that the domain computes.
pub async fn a_name_is_compared_without_regard_to_case_and_unicode_form(stores: &Stores) {
    keep(stores, 1, |account| {
        account.email = "Ödön@Bücher.example".parse().unwrap();
    })
    .await;
    keep(stores, 2, |account| {
        account.username = Some("Odon".parse().unwrap());
    })
    .await;
    keep(stores, 3, |account| {
        account.display_name = Some("O\u{308}do\u{308}n".parse().unwrap());
    })
    .await;
    keep(stores, 4, |account| {
        account.display_name = Some("学生".parse().unwrap());
    })
    .await;
    assert_eq!(named(stores, "ÖDÖN").await, users([3, 1]));
    assert_eq!(named(stores, "ödön@bücher.EXAMPLE").await, users([1]));
    assert_eq!(named(stores, "oDON").await, users([2]));
    assert_eq!(named(stores, "学").await, users([4]));
}

/// Neither those of patterns nor quotes.
pub async fn threat_45_no_character_of_a_name_means_anything_but_itself(stores: &Stores) {
    for number in 1..=3 {
        keep(stores, number, |account| {
            account.display_name = Some("Robert'); DROP TABLE accounts;--".parse().unwrap());
        })
        .await;
    }
    keep(stores, 4, |account| {
        account.display_name = Some("100% \\_%".parse().unwrap());
    })
    .await;
    for text in [
        "%",
        "_",
        "%%%%%%%%",
        "*",
        "?",
        "[a-z]",
        "\\",
        "' OR 1=1;--",
        "l%",
        "le_rner",
    ] {
        assert_eq!(named(stores, text).await, [], "{text}");
    }
    assert_eq!(named(stores, "robert');").await, users([3, 2, 1]));
    assert_eq!(named(stores, "100%").await, users([4]));
    assert_eq!(named(stores, "100% \\_%").await, users([4]));
}

/// And by nothing where it was taken away.
pub async fn a_changed_display_name_is_found_as_it_is_now(stores: &Stores) {
    let before = keep(stores, 1, |account| {
        account.display_name = Some("Ann".parse().unwrap());
    })
    .await;
    let renamed = before.changed(at(5), |next| next.display_name = Some("Bea".parse().unwrap()));
    stores.save(&renamed, before.revision).await.unwrap();
    assert_eq!(named(stores, "ann").await, []);
    assert_eq!(named(stores, "bea").await, users([1]));
    let nameless = renamed.changed(at(6), |next| next.display_name = None);
    stores.save(&nameless, renamed.revision).await.unwrap();
    assert_eq!(named(stores, "bea").await, []);
}

/// However a store looks for them.
pub async fn many_who_begin_alike_come_in_pages_too(stores: &Stores) {
    let made = (1..=1_100).map(|number| {
        keep(stores, number, move |account| {
            let seconds = i64::try_from(number).unwrap();
            account.created_at = at(seconds % 7);
            account.display_name = Some(format!("Pupil {}", number % 2).parse().unwrap());
        })
    });
    let mut all = join_all(made).await;
    all.sort_by_key(|account| std::cmp::Reverse((account.created_at, account.id)));
    let all: Vec<_> = all.iter().map(|account| account.id).collect();
    for text in ["p", "learner", "pupil 1"] {
        let query = AccountQuery {
            text: Some(text.parse().unwrap()),
            ..AccountQuery::default()
        };
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = stores.directory.page(&query, after, 400).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(AccountPlace::from(last));
            seen.extend(page.iter().map(|account| account.id));
        }
        let odd = |id: &&UserId| text != "pupil 1" || id.0.as_u128() % 2 == 1;
        assert_eq!(
            seen,
            all.iter().filter(odd).copied().collect::<Vec<_>>(),
            "{text}"
        );
    }
}

/// Somebody in each state: a learner, an administrator, one out of use, one deleted.
async fn one_of_each(stores: &Stores) {
    keep(stores, 1, |_| {}).await;
    keep(stores, 2, |account| {
        account.roles = [Role::User, Role::Admin].into();
    })
    .await;
    keep(stores, 3, |account| {
        account.standing = Standing::Deactivated { since: at(3) }
    })
    .await;
    keep(stores, 4, |account| account.standing = deleted(9)).await;
    keep(stores, 5, |account| {
        account.roles = [Role::User, Role::Admin].into();
        account.standing = Standing::Deactivated { since: at(3) };
    })
    .await;
}

/// Each on its own.
pub async fn roles_and_statuses_filter(stores: &Stores) {
    one_of_each(stores).await;
    let role = async |role| {
        let query = AccountQuery {
            role: Some(role),
            ..AccountQuery::default()
        };
        found(stores, &query).await
    };
    let status = async |status| {
        let query = AccountQuery {
            status: Some(status),
            ..AccountQuery::default()
        };
        found(stores, &query).await
    };
    assert_eq!(role(Role::User).await, users([5, 4, 3, 2, 1]));
    assert_eq!(role(Role::Admin).await, users([5, 2]));
    assert_eq!(status(AccountStatus::Active).await, users([2, 1]));
    assert_eq!(status(AccountStatus::Deactivated).await, users([5, 3]));
    assert_eq!(status(AccountStatus::Deleted).await, users([4]));
}

/// In every combination.
pub async fn all_filters_hold_at_once(stores: &Stores) {
    one_of_each(stores).await;
    let query = |text: Option<&str>, role, status| AccountQuery {
        text: text.map(|text| text.parse().unwrap()),
        role,
        status,
    };
    for (asked, expected) in [
        (
            query(None, Some(Role::Admin), Some(AccountStatus::Active)),
            vec![2],
        ),
        (
            query(None, Some(Role::Admin), Some(AccountStatus::Deactivated)),
            vec![5],
        ),
        (
            query(None, Some(Role::Admin), Some(AccountStatus::Deleted)),
            vec![],
        ),
        (
            query(None, Some(Role::User), Some(AccountStatus::Active)),
            vec![2, 1],
        ),
        (query(Some("learner"), Some(Role::Admin), None), vec![5, 2]),
        (
            query(Some("learner"), None, Some(AccountStatus::Deactivated)),
            vec![5, 3],
        ),
        (
            query(
                Some("learner5"),
                Some(Role::Admin),
                Some(AccountStatus::Deactivated),
            ),
            vec![5],
        ),
        (query(Some("learner1"), Some(Role::Admin), None), vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(user).collect();
        assert_eq!(found(stores, &asked).await, expected, "{asked:?}");
    }
}

/// The instant itself included.
pub async fn deleted_accounts_are_due_when_their_time_has_come_the_earliest_first(stores: &Stores) {
    one_of_each(stores).await;
    for (number, seconds) in [(11, 50), (12, 20), (13, 30)] {
        keep(stores, number, |account| account.standing = deleted(seconds)).await;
    }
    let due = async |seconds, limit| stores.directory.due(at(seconds), limit).await.unwrap();
    assert_eq!(due(8, 10).await, []);
    assert_eq!(due(30, 10).await, users([4, 12, 13]));
    assert_eq!(due(99, 2).await, users([4, 12]));
    assert_eq!(due(99, 10).await, users([4, 12, 13, 11]));
}

/// Its sessions and its progress with it; nobody else's.
pub async fn what_is_purged_is_gone_and_told_of_in_the_audit_log(stores: &Stores) {
    keep(stores, 1, |account| account.standing = deleted(50)).await;
    keep(stores, 2, |_| {}).await;
    for number in [1, 2] {
        let learner = Learner::of(stores, user(number));
        learner.review(vec![review(1, "w", Rating::Good, 1)], 10).await;
    }
    let purge = async |seconds| {
        stores
            .directory
            .purge(user(1), at(seconds), &purged(1))
            .await
            .unwrap()
    };
    assert!(!purge(49).await, "its time has not come");
    assert_eq!(told(stores, 1).await, 0);
    assert!(purge(50).await);
    assert_eq!(told(stores, 1).await, 1);
    assert!(!purge(51).await, "it is gone");
    assert_eq!(stores.accounts.by_id(user(1)).await.unwrap(), None);
    assert_eq!(stores.directory.due(at(99), 10).await.unwrap(), []);
    for (number, remains) in [(1, false), (2, true)] {
        let its_session = session(number << 64 | 1, user(number), 0).id;
        let session = stores.sessions.by_id(its_session).await.unwrap();
        let progress = stores.progress.list(user(number), None, None).await.unwrap();
        assert_eq!(
            (session.is_some(), !progress.is_empty()),
            (remains, remains),
            "{number}"
        );
    }
}

/// Whoever restores it was faster.
pub async fn a_restored_account_is_not_purged(stores: &Stores) {
    let before = keep(stores, 1, |account| account.standing = deleted(50)).await;
    assert_eq!(stores.directory.due(at(60), 10).await.unwrap(), users([1]));
    let restored = before.changed(at(60), |next| next.standing = Standing::Active);
    stores.save(&restored, before.revision).await.unwrap();
    assert!(!stores.directory.purge(user(1), at(60), &purged(1)).await.unwrap());
    assert_eq!(told(stores, 1).await, 0);
    assert_eq!(stores.accounts.by_id(user(1)).await.unwrap(), Some(restored));
}

/// And it is told once.
pub async fn of_16_purges_at_once_one_deletes(stores: &Stores) {
    keep(stores, 1, |account| account.standing = deleted(50)).await;
    let purges = (0..16u128).map(|number| async move {
        let entry = AuditEntry {
            id: AuditId(Uuid::from_u128(1_000 + number)),
            ..purged(1)
        };
        stores.directory.purge(user(1), at(60), &entry).await.unwrap()
    });
    let purges = join_all(purges).await;
    assert_eq!(purges.into_iter().filter(|is_purged| *is_purged).count(), 1);
    assert_eq!(told(stores, 1).await, 1);
}

/// Whoever still writes is told that the account is gone.
pub async fn threat_58_a_purge_while_progress_is_written_leaves_nothing_behind(stores: &Stores) {
    for round in 1..=5u128 {
        keep(stores, round, |account| account.standing = deleted(50)).await;
        let learner = Learner::of(stores, user(round));
        let writes = join_all((1..=20).map(|number| write(&learner, number)));
        let purge = async {
            // Among the writes, not before them.
            write(&learner, 21).await;
            stores.directory.purge(user(round), at(60), &purged(round)).await
        };
        let (_, is_purged) = join(writes, purge).await;
        assert!(is_purged.unwrap());
        assert!(!write(&learner, 22).await);
        assert_eq!(learner.everything().await, Everything::default());
    }
}

/// Sends a review; whether it was kept.
async fn write(learner: &Learner<'_>, number: u128) -> bool {
    let reviews = Changes::Reviews(vec![review(number, "w", Rating::Good, 1)]);
    match learner.try_send(reviews, 100).await {
        Ok(_) => true,
        Err(AppendError::Port(error)) if error.kind == PortErrorKind::OwnerGone => false,
        Err(error) => panic!("{error}"),
    }
}
