//! What must become of the audit log in a move.

use parlance_domain::audit::{AuditHead, Seal};
use parlance_domain::transfer::KeptEntry;

use super::{Installation, Move};
use crate::audit::{chain, entry, id};

/// Five entries, three of which have their places.
async fn logged(at: &Installation) {
    let entries: Vec<_> = (1..=5).map(|number| entry(number, 10)).collect();
    at.stores.audit.append(&entries).await.unwrap();
    assert_eq!(at.stores.audit.seal(&chain(), 3).await.unwrap(), 3);
}

async fn all(of: &Installation) -> Vec<KeptEntry> {
    of.transfer.audit(None, 100).await.unwrap()
}

async fn head(of: &Installation) -> AuditHead {
    of.transfer.audit_head().await.unwrap().unwrap()
}

/// By id, those behind one alone, whether or not they have their places.
pub async fn entries_of_the_audit_log_are_read_in_pages((from, _): &Move) {
    assert_eq!(from.transfer.audit(None, 10).await.unwrap(), []);
    logged(from).await;
    let log = all(from).await;
    let ids: Vec<_> = log.iter().map(|kept| kept.record.id).collect();
    assert_eq!(ids, (1..=5).map(id).collect::<Vec<_>>());
    let places = log.iter().map(|kept| kept.place.map(|place| place.position));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [Some(1), Some(2), Some(3), None, None]
    );
    assert_eq!(from.transfer.audit(Some(id(2)), 2).await.unwrap(), log[2..4]);
    assert_eq!(from.stores.audit.sealed(None, 10).await.unwrap().len(), 3);
}

/// And goes on: what had no place yet gets it behind the others.
pub async fn the_chain_of_the_audit_log_is_moved_and_goes_on((from, to): &Move) {
    logged(from).await;
    let log = all(from).await;
    for part in log.chunks(2) {
        to.transfer.import_audit(part).await.unwrap();
    }
    to.transfer.import_audit_head(&head(from).await).await.unwrap();
    assert_eq!(all(to).await, log);
    assert_eq!(head(to).await, head(from).await);
    for installation in [from, to] {
        assert_eq!(installation.stores.audit.seal(&chain(), 10).await.unwrap(), 2);
    }
    assert_eq!(all(to).await, all(from).await);
    assert_eq!(head(to).await, head(from).await);
}

/// Whatever is brought once more, or changed.
pub async fn entries_that_are_there_stay_as_they_are((from, to): &Move) {
    logged(from).await;
    let log = all(from).await;
    to.transfer.import_audit(&log[..2]).await.unwrap();
    let mut changed = log.clone();
    "something.else".clone_into(&mut changed[0].record.action);
    to.transfer.import_audit(&changed).await.unwrap();
    assert_eq!(all(to).await, log);
}

/// Of some of which one cannot be kept, none is.
pub async fn entries_are_kept_whole_or_not_at_all((from, to): &Move) {
    logged(from).await;
    let mut log = all(from).await;
    log[2].place = log[1].place.map(|mut place| {
        place.seal = Seal([9; 32]);
        place
    });
    assert!(to.transfer.import_audit(&log).await.is_err());
    assert_eq!(all(to).await, []);
}
