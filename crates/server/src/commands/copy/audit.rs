//! The audit log: copied entry by entry with its places, so that its chain goes on, and compared.

use anyhow::{Context, bail};
use parlance_domain::ids::AuditId;
use parlance_domain::port::PortError;
use parlance_domain::transfer::{KeptEntry, TransferStore};

use super::{ADVICE, page_of};
use crate::logs::say;

/// How many entries are moved at a time.
const ENTRIES: u32 = 1_000;

/// Copies entries that are not there, and then the head, which tells of all of them.
pub(super) async fn copy(source: &dyn TransferStore, target: &dyn TransferStore) -> anyhow::Result<()> {
    let (mut after, mut count) = (None, 0);
    while let Some((entries, last)) = page(source, after).await? {
        count += entries.len();
        target.import_audit(&entries).await?;
        after = Some(last);
    }
    let head = source.audit_head().await?;
    let head = head.context("the head of the audit log of --from is gone: see `parlance audit verify`")?;
    target.import_audit_head(&head).await?;
    say(&format!("copied {count} entries of the audit log"));
    Ok(())
}

/// Fails unless both have the same entries in the same places.
pub(super) async fn compare(source: &dyn TransferStore, target: &dyn TransferStore) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let (sent, there) = (page(source, after).await?, page(target, after).await?);
        if sent != there {
            bail!("the audit log is not the same in --from and --to: {ADVICE}");
        }
        match sent {
            Some((_, last)) => after = Some(last),
            None => break,
        }
    }
    if source.audit_head().await? != target.audit_head().await? {
        bail!("the head of the audit log is not the same in --from and --to: {ADVICE}");
    }
    Ok(())
}

/// The next entries, and the last of them.
async fn page(
    store: &dyn TransferStore,
    after: Option<AuditId>,
) -> Result<Option<(Vec<KeptEntry>, AuditId)>, PortError> {
    let entries = store.audit(after, ENTRIES).await?;
    Ok(page_of(entries, |entry| entry.record.id))
}
