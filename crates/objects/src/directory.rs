//! A directory for objects: private, and without what broken writes left behind.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::ObjectsConfigError;

/// What lies in the directory.
pub(crate) const AUDIO: &str = "audio";
/// See [`AUDIO`].
pub(crate) const RECIPES: &str = "recipes";
/// See [`AUDIO`].
pub(crate) const EXPORTS: &str = "exports";
/// How old what a write left behind is when nobody writes it any more.
const DEAD_AFTER: Duration = Duration::from_hours(1);

/// The directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes it when it is not there, readable to nobody else, and clears away what broken writes left.
    pub(crate) fn prepare(path: PathBuf) -> Result<Self, ObjectsConfigError> {
        let prepared = (|| {
            make_private(&path)?;
            for part in [AUDIO, RECIPES, EXPORTS] {
                make_private(&path.join(part))?;
                sweep(&path.join(part))?;
            }
            Ok(())
        })();
        match prepared {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(ObjectsConfigError::Directory { path, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory in which an object is to be, readable to nobody else.
    pub(crate) fn make_room(&self, object: &str) -> io::Result<()> {
        match self.path.join(object).parent() {
            Some(parent) => make_private(parent),
            None => Ok(()),
        }
    }

    /// Takes the rights of others to an object away; that none can come near it is seen to by its directory.
    pub(crate) fn restrict(&self, object: &str) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(self.path.join(object), fs::Permissions::from_mode(0o600))
        }
        #[cfg(not(unix))]
        {
            let _ = object;
            Ok(())
        }
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // Else what is written into it might be gone with it when the power goes. Who may not read the directory above
    // goes without.
    if let Some(parent) = path.parent() {
        let _ = File::open(parent).and_then(|parent| parent.sync_all());
    }
    Ok(())
}

/// Removes the drafts of writes that did not come to their end, which have names such as `name#1`.
fn sweep(part: &Path) -> io::Result<()> {
    for shard in fs::read_dir(part)? {
        let shard = shard?;
        if !shard.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(shard.path())? {
            let entry = entry?;
            if is_draft(&entry.file_name().to_string_lossy()) && is_dead(&entry) {
                // Another copy of the program may have swept it just now.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    Ok(())
}

fn is_draft(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_dead(entry: &fs::DirEntry) -> bool {
    let written = entry.metadata().and_then(|metadata| metadata.modified());
    // Of the file system's own clock; one that is ahead makes nothing dead.
    let age = written.map(|written| SystemTime::now().duration_since(written));
    age.is_ok_and(|age| age.is_ok_and(|age| age > DEAD_AFTER))
}
