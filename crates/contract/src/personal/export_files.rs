//! What every [`ExportFiles`] must do.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::future::join_all;
use parlance_domain::ids::ExportId;
use parlance_domain::personal::{ExportAttempt, ExportFileName, ExportFiles};
use parlance_domain::time::MILLISECOND;
use uuid::Uuid;

use crate::stores::at;

/// Makes a test of each rule of a store of files; the expression makes `Arc<impl ExportFiles>` that holds nothing.
#[macro_export]
macro_rules! export_files_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            personal,
            $make,
            [
                what_was_finished_is_read_whole,
                what_was_never_written_is_not_there,
                a_large_archive_is_kept_whole,
                what_was_not_finished_is_not_there,
                threat_30_each_file_is_under_its_own_name,
                files_are_deleted_when_their_time_has_come_and_not_before,
            ]
        );
    };
}

fn name(seconds: i64, number: u128) -> ExportFileName {
    let id = Uuid::from_u128(number);
    ExportFileName::new(at(seconds), ExportId(id), ExportAttempt(id))
}

/// Bytes in which no part is like another, and which no compression makes short.
fn noise(count: u32, seed: u32) -> Bytes {
    let mut state = 2 * seed + 1;
    let words = (0..count / 4).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    });
    words.flat_map(u32::to_le_bytes).collect()
}

async fn write<S: ExportFiles + ?Sized>(files: &S, name: &ExportFileName, content: &Bytes) -> u64 {
    let mut archive = files.begin(name).await.unwrap();
    archive.entry("about.json").await.unwrap();
    archive.write("{}".into()).await.unwrap();
    archive.entry("data.bin").await.unwrap();
    for piece in content.chunks(300_000) {
        archive.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    archive.finish().await.unwrap()
}

async fn read<S: ExportFiles + ?Sized>(files: &S, name: &ExportFileName) -> Option<Bytes> {
    let mut found = files.read(name).await.unwrap()?;
    let mut content = BytesMut::new();
    while let Some(piece) = found.pieces.next().await {
        content.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(content.len() as u64, found.length);
    Some(content.freeze())
}

/// With its length; it is a zip.
pub async fn what_was_finished_is_read_whole<S: ExportFiles + ?Sized>(files: &Arc<S>) {
    let length = write(&**files, &name(0, 1), &noise(1_000, 1)).await;
    let content = read(&**files, &name(0, 1)).await.unwrap();
    assert_eq!(content.len() as u64, length);
    assert!(content.starts_with(b"PK\x03\x04"));
    assert!(content.windows(10).any(|window| window == b"about.json"));
}

/// Absence is no error, even where nothing ever was.
pub async fn what_was_never_written_is_not_there<S: ExportFiles + ?Sized>(files: &Arc<S>) {
    assert!(read(&**files, &name(0, 1)).await.is_none());
    assert_eq!(files.purge(at(9_999)).await.unwrap(), 0);
    write(&**files, &name(0, 2), &Bytes::new()).await;
    assert!(read(&**files, &name(0, 1)).await.is_none());
}

/// Larger than any part in which it is written or read.
pub async fn a_large_archive_is_kept_whole<S: ExportFiles + ?Sized>(files: &Arc<S>) {
    let content = noise(5_500_000, 7);
    let length = write(&**files, &name(0, 1), &content).await;
    assert!(length > 5_500_000, "{length}");
    let kept = read(&**files, &name(0, 1)).await.unwrap();
    assert_eq!(kept.len() as u64, length);
}

/// Whoever breaks off leaves nothing behind that is read or deleted later.
pub async fn what_was_not_finished_is_not_there<S: ExportFiles + ?Sized>(files: &Arc<S>) {
    for size in [10, 5_500_000] {
        let mut archive = files.begin(&name(0, 1)).await.unwrap();
        archive.entry("data.bin").await.unwrap();
        archive.write(noise(size, 3)).await.unwrap();
        assert!(read(&**files, &name(0, 1)).await.is_none());
        drop(archive);
        assert!(read(&**files, &name(0, 1)).await.is_none());
    }
}

/// Many that are written at once do not get into each other's way.
pub async fn threat_30_each_file_is_under_its_own_name<S: ExportFiles + ?Sized>(files: &Arc<S>) {
    let contents: Vec<_> = (1..=8).map(|seed| noise(100_000, seed)).collect();
    let names: Vec<_> = (1..=8).map(|number| name(0, number)).collect();
    let written = names.iter().zip(&contents);
    join_all(written.map(|(name, content)| write(&**files, name, content))).await;
    let mut kept = Vec::new();
    for name in &names {
        kept.push(read(&**files, name).await.unwrap());
    }
    kept.sort_unstable();
    kept.dedup();
    assert_eq!(kept.len(), 8);
}

/// As their names say, whoever wrote them.
pub async fn files_are_deleted_when_their_time_has_come_and_not_before<S: ExportFiles + ?Sized>(
    files: &Arc<S>,
) {
    for number in [1, 2, 3] {
        let seconds = 100 * i64::try_from(number).unwrap();
        write(&**files, &name(seconds, number), &noise(100, 1)).await;
    }
    assert_eq!(files.purge(at(100) - MILLISECOND).await.unwrap(), 0);
    assert_eq!(files.purge(at(200)).await.unwrap(), 2);
    assert!(read(&**files, &name(200, 2)).await.is_none());
    assert!(read(&**files, &name(300, 3)).await.is_some());
    assert_eq!(files.purge(at(0) + TimeDelta::days(2)).await.unwrap(), 1);
    assert_eq!(files.purge(at(0) + TimeDelta::days(2)).await.unwrap(), 0);
}
