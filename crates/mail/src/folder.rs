//! Puts letters into a folder, each into a file that mail programs open.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::accounts::Email;
use parlance_domain::mail::{Letter, Mailer, MailerError, MailerErrorKind, SEND_DEADLINE};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::compose::Sender;

/// Puts letters into a folder, for development. What lies there holds links that work: nobody else may read it.
pub struct FolderMailer {
    path: Arc<Path>,
    sender: Sender,
}

impl FolderMailer {
    /// Puts letters from this sender into this folder, which is made with the first.
    pub fn new(path: impl Into<PathBuf>, sender: Sender) -> Self {
        Self {
            path: path.into().into(),
            sender,
        }
    }
}

#[async_trait]
impl Mailer for FolderMailer {
    async fn send(&self, to: &Email, letter: &Letter) -> Result<(), MailerError> {
        let composed = self.sender.compose(to, letter);
        let composed = composed.map_err(|error| MailerError::caused_by(MailerErrorKind::Never, error))?;
        let (path, id) = (Arc::clone(&self.path), letter.id);
        let written = spawn_blocking(move || write(&path, &format!("{id}.eml"), &composed.bytes));
        let written = match timeout(SEND_DEADLINE, written).await {
            Ok(Ok(written)) => written,
            Ok(Err(panicked)) => Err(panicked.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        written.map_err(|error| MailerError::caused_by(MailerErrorKind::Unreachable, error))
    }
}

/// Writes a file beside and moves it into its place: whoever looks sees all of it or nothing. The same mail has the same
/// file.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make_private(folder)?;
    let draft = folder.join(format!(".{name}"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(name))
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
