//! What every [`AuditStore`](parlance_domain::audit::AuditStore) must do.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::accounts::SaveAccountError;
use parlance_domain::audit::{
    Action, Actor, AuditChain, AuditCursor, AuditEntry, AuditFilter, AuditHead, AuditRecord, Backlog,
    ChainError, Circumstances, Place, SealedRecord, UserAgent,
};
use parlance_domain::ids::{ApiKeyId, AuditId, UserId};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of the store of the audit log; the expression makes [`Stores`].
#[macro_export]
macro_rules! audit_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            audit,
            $make,
            [
                an_entry_is_kept_with_all_that_it_says,
                an_entry_is_added_once,
                a_page_is_the_newest_first_and_the_next_goes_on_behind_it,
                a_filter_leaves_what_fits_all_of_it,
                entries_are_sealed_in_the_order_of_their_ids,
                entries_written_while_others_seal_make_one_chain_without_a_gap,
                a_head_that_is_not_known_is_left_as_it_is,
                what_is_old_is_purged_from_the_beginning_on,
                what_is_not_sealed_is_not_purged,
                a_chain_is_begun_anew_behind_what_is_there,
                a_refused_change_leaves_no_entry,
            ]
        );
    };
}

pub(crate) fn chain() -> AuditChain {
    AuditChain::new(&"a secret for the contract of audits".into(), &[])
}

fn stranger() -> AuditChain {
    AuditChain::new(&"a secret that others have for theirs".into(), &[])
}

pub(crate) fn id(number: u128) -> AuditId {
    AuditId(Uuid::from_u128(0x0193_0000_0000_7000_8000 << 48 | number))
}

/// An entry with something in each member.
pub(crate) fn entry(number: u128, seconds: i64) -> AuditEntry {
    AuditEntry {
        id: id(number),
        at: at(seconds) + TimeDelta::milliseconds(123),
        actor: Actor::ApiKey {
            owner: user(1),
            key: ApiKeyId(Uuid::from_u128(77)),
        },
        action: Action::RolesChanged,
        subject: Some(user(2)),
        circumstances: Circumstances {
            address: Some([2001, 0xDB8, 0, 0, 0, 0, 0, 7].into()),
            user_agent: UserAgent::of("Parlance/1.0 (学习)"),
            request_id: Some("01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42".to_owned()),
            ..Circumstances::default()
        },
        details: BTreeMap::from([
            ("b".to_owned(), "\"2\"".to_owned()),
            ("a".to_owned(), "1".to_owned()),
        ]),
    }
}

pub(crate) async fn append(stores: &Stores, numbers: impl IntoIterator<Item = u128>) {
    let entries: Vec<_> = numbers
        .into_iter()
        .map(|number| entry(number, i64::try_from(number).unwrap()))
        .collect();
    stores.audit.append(&entries).await.unwrap();
}

async fn page(stores: &Stores, filter: AuditFilter) -> Vec<AuditId> {
    let records = stores.audit.page(&filter, None, 100).await.unwrap();
    records.into_iter().map(|record| record.id).collect()
}

async fn sealed(stores: &Stores) -> Vec<SealedRecord> {
    stores.audit.sealed(None, 10_000).await.unwrap()
}

async fn head(stores: &Stores) -> AuditHead {
    stores.audit.head().await.unwrap().unwrap()
}

/// Whether what is sealed is one chain from its anchor to its last entry, by computing it again.
async fn assert_whole(stores: &Stores) -> Vec<SealedRecord> {
    let (head, sealed) = (head(stores).await, sealed(stores).await);
    let records: Vec<AuditRecord> = sealed.iter().map(|one| one.record.clone()).collect();
    let begun = if head.anchor == Place::BEGINNING {
        AuditHead::EMPTY
    } else {
        chain().restart(Some((head.purged + 1, head.anchor)))
    };
    let (again, expected) = chain().extend(&begun, records).unwrap();
    assert_eq!(sealed, expected);
    assert_eq!(again.last, head.last);
    chain().check(&head).unwrap();
    sealed
}

/// It reads as it was written, sealed or not.
pub async fn an_entry_is_kept_with_all_that_it_says(stores: &Stores) {
    let bare = AuditEntry {
        actor: Actor::Anonymous,
        subject: None,
        circumstances: Circumstances::default(),
        details: BTreeMap::new(),
        ..entry(2, 2)
    };
    let entries = [entry(1, 1), bare];
    let expected: Vec<AuditRecord> = entries.iter().rev().map(AuditRecord::from).collect();
    assert!(!expected[0].action.is_empty() && expected[1].details().is_some());
    stores.audit.append(&entries).await.unwrap();
    for _ in 0..2 {
        let records = stores
            .audit
            .page(&AuditFilter::default(), None, 100)
            .await
            .unwrap();
        assert_eq!(records, expected);
        stores.audit.seal(&chain(), 100).await.unwrap();
    }
    let sealed = assert_whole(stores).await;
    let records: Vec<_> = sealed.into_iter().rev().map(|one| one.record).collect();
    assert_eq!(records, expected);
}

/// Whoever does not know whether it was kept adds it again; the first one stays.
pub async fn an_entry_is_added_once(stores: &Stores) {
    append(stores, [1]).await;
    let other = AuditEntry {
        action: Action::AccountDeleted,
        ..entry(1, 9)
    };
    stores.audit.append(&[other, entry(2, 2)]).await.unwrap();
    stores.audit.seal(&chain(), 100).await.unwrap();
    append(stores, [1, 2]).await;
    let sealed = assert_whole(stores).await;
    assert_eq!(sealed.len(), 2);
    assert_eq!(sealed[0].record, AuditRecord::from(&entry(1, 1)));
    assert_eq!(stores.audit.backlog().await.unwrap(), Backlog::default());
}

/// By time, then by id; nothing is left out or told twice where many have the same time.
pub async fn a_page_is_the_newest_first_and_the_next_goes_on_behind_it(stores: &Stores) {
    let entries = [
        entry(1, 5),
        entry(2, 1),
        entry(3, 5),
        entry(4, 9),
        entry(5, 5),
        entry(6, 1),
    ];
    stores.audit.append(&entries).await.unwrap();
    let expected = [4, 5, 3, 1, 6, 2].map(id);
    for size in 1..=7_u32 {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let records = stores
                .audit
                .page(&AuditFilter::default(), after, size)
                .await
                .unwrap();
            let Some(last) = records.last() else { break };
            assert!(records.len() <= usize::try_from(size).unwrap());
            after = Some(AuditCursor {
                at: last.at,
                id: last.id,
            });
            found.extend(records.into_iter().map(|record| record.id));
        }
        assert_eq!(found, expected, "by {size}");
    }
}

/// Each member alone, and together; the first instant included and the last one not.
pub async fn a_filter_leaves_what_fits_all_of_it(stores: &Stores) {
    let by = |actor: Actor, number, seconds| AuditEntry {
        actor,
        ..entry(number, seconds)
    };
    let own = |action, number, seconds| AuditEntry {
        action,
        subject: Some(user(1)),
        ..by(Actor::Account(user(1)), number, seconds)
    };
    let entries = [
        own(Action::SessionStarted, 1, 10),
        own(Action::SessionEnded, 2, 20),
        by(Actor::Account(user(3)), 3, 30),
        by(Actor::System, 4, 40),
        entry(5, 50),
    ];
    stores.audit.append(&entries).await.unwrap();
    let all = AuditFilter::default();
    let instant = |seconds| Some(at(seconds) + TimeDelta::milliseconds(123));
    for (filter, expected) in [
        (all, vec![5, 4, 3, 2, 1]),
        (
            AuditFilter {
                actor: Some(user(1)),
                ..all
            },
            vec![5, 2, 1],
        ),
        (
            AuditFilter {
                subject: Some(user(2)),
                ..all
            },
            vec![5, 4, 3],
        ),
        (
            AuditFilter {
                action: Some(Action::SessionEnded),
                ..all
            },
            vec![2],
        ),
        (
            AuditFilter {
                from: instant(20),
                to: instant(40),
                ..all
            },
            vec![3, 2],
        ),
        (
            AuditFilter {
                actor: Some(user(1)),
                subject: Some(user(1)),
                action: Some(Action::SessionStarted),
                from: instant(10),
                to: instant(11),
            },
            vec![1],
        ),
        (
            AuditFilter {
                actor: Some(user(404)),
                ..all
            },
            vec![],
        ),
    ] {
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        assert_eq!(page(stores, filter).await, expected, "{filter:?}");
    }
}

/// As many as asked for at a time, one place each.
pub async fn entries_are_sealed_in_the_order_of_their_ids(stores: &Stores) {
    assert_eq!(head(stores).await, AuditHead::EMPTY);
    append(stores, [3, 1, 5, 2, 4]).await;
    let waiting = Backlog {
        entries: 5,
        oldest: Some(entry(1, 1).at),
    };
    assert_eq!(stores.audit.backlog().await.unwrap(), waiting);
    for (expected, left) in [(2, 3), (2, 1), (1, 0), (0, 0)] {
        assert_eq!(stores.audit.seal(&chain(), 2).await.unwrap(), expected);
        assert_eq!(stores.audit.backlog().await.unwrap().entries, left);
    }
    // Committed late, with an id that comes before: behind those that have their places.
    append(stores, [0]).await;
    assert_eq!(stores.audit.seal(&chain(), 2).await.unwrap(), 1);
    let sealed = assert_whole(stores).await;
    let order: Vec<_> = sealed.iter().map(|one| one.record.id).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 0].map(id));
    assert_eq!(head(stores).await.last.position, 6);
    let behind = stores.audit.sealed(Some(4), 1).await.unwrap();
    assert_eq!(behind, sealed[4..5]);
}

/// Each entry has one place, and no place is left out.
pub async fn entries_written_while_others_seal_make_one_chain_without_a_gap(stores: &Stores) {
    let write = |writer: u128| async move {
        for number in 0..20 {
            append(stores, [writer * 100 + number]).await;
        }
    };
    let seal = async || {
        while head(stores).await.last.position < 160 {
            stores.audit.seal(&chain(), 7).await.unwrap();
        }
    };
    let sealers = join_all([seal(), seal(), seal()]);
    let writers = join_all((1..=8).map(write));
    futures_util::join!(writers, sealers);
    let sealed = assert_whole(stores).await;
    let positions: Vec<u64> = sealed.iter().map(|one| one.place.position).collect();
    assert_eq!(positions, (1..=160).collect::<Vec<_>>());
    let ids: BTreeSet<_> = sealed.iter().map(|one| one.record.id).collect();
    assert_eq!(ids.len(), 160);
}

/// Somebody else's chain is neither gone on with nor cut.
pub async fn a_head_that_is_not_known_is_left_as_it_is(stores: &Stores) {
    append(stores, [1]).await;
    stores.audit.seal(&chain(), 10).await.unwrap();
    append(stores, [2]).await;
    let before = head(stores).await;
    let refused = stores.audit.seal(&stranger(), 10).await;
    assert!(matches!(refused, Err(ChainError::UnknownHead(_))), "{refused:?}");
    let refused = stores.audit.purge(&stranger(), at(9_999), 10).await;
    assert!(matches!(refused, Err(ChainError::UnknownHead(_))), "{refused:?}");
    assert_eq!(head(stores).await, before);
    assert_eq!(stores.audit.backlog().await.unwrap().entries, 1);
    assert_eq!(stores.audit.seal(&chain(), 10).await.unwrap(), 1);
    assert_whole(stores).await;
}

/// What is left is still a chain, which begins behind what is gone.
pub async fn what_is_old_is_purged_from_the_beginning_on(stores: &Stores) {
    let entries: Vec<AuditEntry> = (1..=9)
        // The sixth is young, and what stands behind it stays with it.
        .map(|number| entry(number, if number == 6 { 1_000 } else { 1 }))
        .collect();
    stores.audit.append(&entries).await.unwrap();
    stores.audit.seal(&chain(), 100).await.unwrap();
    let purge = async |before: Timestamp| stores.audit.purge(&chain(), before, 3).await.unwrap();
    assert_eq!(purge(at(1)).await, 0);
    for expected in [3, 2, 0] {
        assert_eq!(purge(at(500)).await, expected);
        assert_whole(stores).await;
    }
    let left = sealed(stores).await;
    assert_eq!(left.len(), 4);
    assert_eq!((left[0].place.position, head(stores).await.purged), (6, 5));
    append(stores, [10]).await;
    stores.audit.seal(&chain(), 100).await.unwrap();
    for expected in [3, 2, 0] {
        assert_eq!(purge(at(5_000)).await, expected);
    }
    append(stores, [11]).await;
    stores.audit.seal(&chain(), 100).await.unwrap();
    let left = assert_whole(stores).await;
    assert_eq!(left[0].place.position, 11, "places are not given again");
}

/// However old it is.
pub async fn what_is_not_sealed_is_not_purged(stores: &Stores) {
    append(stores, [1, 2]).await;
    assert_eq!(stores.audit.purge(&chain(), at(9_999), 10).await.unwrap(), 0);
    assert_eq!(page(stores, AuditFilter::default()).await.len(), 2);
}

/// What is there stays, and grows old; what is added is sealed behind it.
pub async fn a_chain_is_begun_anew_behind_what_is_there(stores: &Stores) {
    append(stores, [1, 2, 3]).await;
    stores.audit.seal(&chain(), 10).await.unwrap();
    stores.audit.purge(&chain(), at(2), 10).await.unwrap();
    let last = head(stores).await.last;
    let begun = stores.audit.restart(&stranger()).await.unwrap();
    assert_eq!(head(stores).await, begun);
    assert_eq!((begun.last, begun.anchor, begun.purged), (last, last, 1));
    append(stores, [4]).await;
    assert_eq!(stores.audit.seal(&stranger(), 10).await.unwrap(), 1);
    assert_eq!(sealed(stores).await.len(), 3);
    assert_eq!(stores.audit.purge(&stranger(), at(9_999), 10).await.unwrap(), 3);
    let head = head(stores).await;
    assert_eq!((head.purged, head.anchor), (4, head.last));
}

/// An entry is written with its cause, or not at all.
pub async fn a_refused_change_leaves_no_entry(stores: &Stores) {
    let ann: UserId = stores.learner(1).await;
    let account = stores.accounts.by_id(ann).await.unwrap().unwrap();
    let next = account.changed(at(60), |next| next.is_premium = false);
    let mut change = parlance_domain::accounts::AccountChange::new(&account, next, entry(1, 1));
    change.expected += 1;
    let refused = stores.accounts.save(&change).await;
    assert!(matches!(refused, Err(SaveAccountError::Conflict)), "{refused:?}");
    assert!(page(stores, AuditFilter::default()).await.is_empty());
    change.expected -= 1;
    stores.accounts.save(&change).await.unwrap();
    assert_eq!(page(stores, AuditFilter::default()).await, [id(1)]);
}
