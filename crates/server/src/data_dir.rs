//! The data directory: made private, locked by one server at a time, keeper of the development secret.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use parlance_platform::random_secret;
use secrecy::{ExposeSecret, SecretString};

use crate::settings::Settings;

const SECRET_FILE: &str = "development.secret";
const ENCRYPTION_KEY_FILE: &str = "development.encryption-key";
const LOCK_FILE: &str = "parlance.lock";
const SECRET_BYTES: usize = 48;
const ENCRYPTION_KEY_BYTES: usize = 32;

/// The directory in which everything is kept that is kept in files.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// The right to serve from a database; given back when dropped, or by the system when the process dies.
#[derive(Debug)]
pub struct ServeLock {
    _files: Vec<File>,
}

impl DataDir {
    /// Makes the directories for files and for the database, when they are not there, readable to nobody else.
    ///
    /// Where nothing is kept in files, none is made: the file system may be read-only.
    pub fn prepare(settings: &Settings) -> anyhow::Result<Self> {
        let database = settings.database.file();
        if database.is_some() || !settings.is_production() {
            make_private_dir(&settings.data_dir)?;
        }
        if let Some(database) = database {
            make_dir_of(database)?;
        }
        Ok(Self {
            path: settings.data_dir.clone(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock by which only one server works on a data directory and databases in files.
    ///
    /// A database on a server has locks of its own.
    pub fn lock<P: AsRef<Path>>(&self, databases: impl IntoIterator<Item = P>) -> anyhow::Result<ServeLock> {
        let mut files = Vec::new();
        for database in databases {
            if files.is_empty() {
                make_private_dir(&self.path)?;
                files.push(try_lock(&self.path.join(LOCK_FILE))?);
            }
            make_dir_of(database.as_ref())?;
            let mut path = database.as_ref().as_os_str().to_owned();
            path.push(".lock");
            files.push(try_lock(Path::new(&path))?);
        }
        Ok(ServeLock { _files: files })
    }

    /// The secret of a development set-up: made at the first start, the same ever after.
    pub fn development_secret(&self) -> anyhow::Result<SecretString> {
        self.made_once(SECRET_FILE, SECRET_BYTES, "which signs everybody out")
    }

    /// The key that a development set-up seals with, in base64url: made at the first start, the same ever after.
    pub fn development_encryption_key(&self) -> anyhow::Result<SecretString> {
        self.made_once(
            ENCRYPTION_KEY_FILE,
            ENCRYPTION_KEY_BYTES,
            "which leaves shut what was sealed",
        )
    }

    fn made_once(&self, file: &str, bytes: usize, consequence: &str) -> anyhow::Result<SecretString> {
        let path = self.path.join(file);
        if let Some(secret) = read_secret(&path, consequence)? {
            return Ok(secret);
        }
        let secret = random_secret(bytes);
        // Written beside and linked: a crash leaves no half of a secret behind, and of copies that begin at once all
        // take that of the first.
        let draft = self.path.join(format!("{file}.{}", std::process::id()));
        let linked = write_private(&draft, secret.expose_secret().as_bytes())
            .and_then(|()| fs::hard_link(&draft, &path).or_else(unless_there));
        let _ = fs::remove_file(&draft);
        linked.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(read_secret(&path, consequence)?.unwrap_or(secret))
    }
}

/// Whoever was first has made it.
fn unless_there(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    }
}

fn read_secret(path: &Path, consequence: &str) -> anyhow::Result<Option<SecretString>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let secret = text.trim();
    if secret.len() < 32 {
        bail!(
            "{} is damaged: delete it to have a new one made, {consequence}",
            path.display()
        );
    }
    restrict(path, 0o600).with_context(|| format!("cannot make {} private", path.display()))?;
    Ok(Some(secret.into()))
}

fn try_lock(path: &Path) -> anyhow::Result<File> {
    let file = private_options()
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another Parlance server is running on this data (it holds {}); stop it, or set DATA_DIR to another \
             directory",
            path.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Makes the directory of a database.
fn make_dir_of(database: &Path) -> anyhow::Result<()> {
    match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => make_private_dir(parent),
        _ => Ok(()),
    }
}

fn make_private_dir(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("cannot make the directory {}", path.display()))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_options().truncate(true).open(path)?;
    restrict(path, 0o600)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes the rights of others away, where the system knows such a thing.
pub fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, mode);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::Values;

    fn data_dir() -> (tempfile::TempDir, DataDir) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("data");
        let values = Values::from([("DATA_DIR", path.to_str().unwrap())]);
        let dir = DataDir::prepare(&Settings::from_values(&values).unwrap()).unwrap();
        (temp, dir)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_directory_and_the_secret_are_private_and_the_secret_stays() {
        let (_temp, dir) = data_dir();
        let secret = dir.development_secret().unwrap();
        assert!(secret.expose_secret().len() >= 32);
        assert_eq!(mode(dir.path()), 0o700);
        assert_eq!(mode(&dir.path().join(SECRET_FILE)), 0o600);
        assert_eq!(
            dir.development_secret().unwrap().expose_secret(),
            secret.expose_secret()
        );
    }

    #[test]
    fn the_encryption_key_is_another_secret_and_stays() {
        let (_temp, dir) = data_dir();
        let key = dir.development_encryption_key().unwrap();
        assert_eq!(key.expose_secret().len(), 43);
        assert_eq!(mode(&dir.path().join(ENCRYPTION_KEY_FILE)), 0o600);
        assert_eq!(
            dir.development_encryption_key().unwrap().expose_secret(),
            key.expose_secret()
        );
    }

    #[test]
    fn a_damaged_secret_is_not_used() {
        let (_temp, dir) = data_dir();
        fs::write(dir.path().join(SECRET_FILE), "short").unwrap();
        assert!(dir.development_secret().is_err());
    }

    #[test]
    fn a_secret_that_others_may_read_is_made_private_again() {
        let (_temp, dir) = data_dir();
        dir.development_secret().unwrap();
        let path = dir.path().join(SECRET_FILE);
        restrict(&path, 0o644).unwrap();
        dir.development_secret().unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn one_server_at_a_time() {
        let (_temp, dir) = data_dir();
        let database = dir.path().join("parlance.db");
        let lock = dir.lock(Some(&database)).unwrap();
        let error = dir.lock(Some(&database)).err().unwrap();
        assert!(error.to_string().contains("another Parlance server"), "{error}");
        drop(lock);
        dir.lock(Some(&database)).unwrap();
    }

    #[test]
    fn two_data_directories_with_one_database_are_still_one_server() {
        let (_one, first) = data_dir();
        let (_two, second) = data_dir();
        let database = first.path().join("parlance.db");
        let _lock = first.lock(Some(&database)).unwrap();
        assert!(second.lock(Some(&database)).is_err());
    }
}
