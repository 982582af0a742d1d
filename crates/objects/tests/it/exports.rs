//! The rules of the files of archives, over each kind of store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_domain::personal::{ExportArchive, ExportContent, ExportFileName, ExportFiles};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use parlance_objects::{ObjectExports, ObjectsConfig};
use tempfile::TempDir;

use crate::amazon::{Amazon, config_for};

/// Files and what must outlive them.
struct Held<T> {
    files: ObjectExports,
    place: T,
}

#[async_trait]
impl<T: Send + Sync> ExportFiles for Held<T> {
    async fn begin(&self, name: &ExportFileName) -> Result<Box<dyn ExportArchive>, PortError> {
        self.files.begin(name).await
    }

    async fn read(&self, name: &ExportFileName) -> Result<Option<ExportContent>, PortError> {
        self.files.read(name).await
    }

    async fn purge(&self, now: Timestamp) -> Result<u32, PortError> {
        self.files.purge(now).await
    }
}

fn held<T>(config: ObjectsConfig, place: T) -> Arc<Held<T>> {
    let files = ObjectExports::new(config).unwrap();
    Arc::new(Held { files, place })
}

fn in_directory() -> Arc<Held<TempDir>> {
    let place = tempfile::tempdir().unwrap();
    let url = place.path().join("objects");
    held(ObjectsConfig::new(url.to_str().unwrap()), place)
}

async fn in_bucket() -> Arc<Held<Amazon>> {
    let place = Amazon::start().await;
    let config = ObjectsConfig {
        // Much is compressed at once on a machine that has much else to do.
        deadline: Duration::from_mins(1),
        ..config_for(place.address())
    };
    held(config, place)
}

mod directory {
    parlance_contract::export_files_contract!(crate::exports::in_directory());
}

mod amazon {
    parlance_contract::export_files_contract!(crate::exports::in_bucket().await);
}

#[tokio::test]
async fn where_nobody_asks_for_an_archive_no_directory_is_made() {
    let held = in_directory();
    assert_eq!(held.purge(Timestamp::MAX_UTC).await.unwrap(), 0);
    assert!(!held.place.path().join("objects").exists());
}
