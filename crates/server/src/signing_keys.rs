//! The file of keys that sign access tokens: read at the start, and whenever it has changed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use parking_lot::Mutex;
use parlance_domain::accounts::AccessTokens;
use parlance_domain::audit::{Action, Actor, AuditStore, Circumstances};
use parlance_domain::consequences::Recorder;
use parlance_domain::ids::IdGenerator;
use parlance_domain::port::PortError;
use parlance_domain::time::{Clock, Timestamp};
use parlance_platform::{JwtAccessTokens, JwtConfig, SigningKeys};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::settings::SessionSettings;

/// The file of keys that a running program follows.
pub(crate) struct KeyFile {
    path: PathBuf,
    tokens: Arc<JwtAccessTokens>,
    audit: Arc<dyn AuditStore>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    /// What stood there when it was looked at last, or that it could not be read.
    seen: Mutex<Option<[u8; 32]>>,
}

type Opened = (Arc<dyn AccessTokens>, Option<Arc<KeyFile>>);

/// What signs access tokens, and the file of its keys, if there is one.
pub(crate) fn open(
    settings: &SessionSettings,
    secret: &SecretString,
    audit: &Arc<dyn AuditStore>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdGenerator>,
) -> anyhow::Result<Opened> {
    let config = JwtConfig {
        secret: secret.clone(),
        issuer: settings.issuer.clone(),
        audience: settings.audience.clone(),
    };
    let tokens = Arc::new(JwtAccessTokens::new(&config, Arc::clone(ids)));
    let mut file = None;
    if let Some(path) = &settings.signing_keys_file {
        let text = text_of(path)?;
        tokens.take_keys(usable(&text, clock.now()).with_context(|| named(path))?);
        file = Some(Arc::new(KeyFile {
            path: path.clone(),
            tokens: Arc::clone(&tokens),
            audit: Arc::clone(audit),
            recorder: Recorder::new(Arc::clone(clock), Arc::clone(ids)),
            clock: Arc::clone(clock),
            seen: Mutex::new(Some(digest(&text))),
        }));
    }
    Ok((tokens, file))
}

impl KeyFile {
    /// Takes up the keys of the file if they are not those that it held before.
    ///
    /// By what it holds, not by its time: a file that is mounted is changed by a link that leads elsewhere. What cannot
    /// be used is said once, and the former keys stay.
    pub(crate) async fn look(&self) -> Result<(), PortError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || text_of(&path)).await;
        let read = read.unwrap_or_else(|error| Err(error.into()));
        let seen = read.as_ref().ok().map(digest);
        if std::mem::replace(&mut *self.seen.lock(), seen) == seen {
            return Ok(());
        }
        match read.and_then(|text| usable(&text, self.clock.now())) {
            Ok(keys) => {
                let ids: Vec<&str> = keys.list(self.clock.now()).map(|(key, _)| key.id()).collect();
                let ids = ids.join(" ");
                self.tokens.take_keys(keys);
                tracing::info!(file = %self.path.display(), "took up the changed signing keys");
                self.note(ids).await
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, file = %self.path.display(), "the signing keys cannot be used, the former ones stay");
                Ok(())
            }
        }
    }

    /// Tells the audit log which keys there are now; each copy of the program does.
    async fn note(&self, ids: String) -> Result<(), PortError> {
        let circumstances = Circumstances::default();
        let entry = self
            .recorder
            .entry(Actor::Operator, Action::SigningKeysRotated, None, &circumstances);
        self.audit.append(&[entry.with("keys", ids)]).await
    }
}

/// The keys of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<SigningKeys> {
    let text = text_of(path)?;
    SigningKeys::read(text.expose_secret()).with_context(|| named(path))
}

/// Writes keys into a file that nobody else may read, whole or not at all.
///
/// The draft beside it is also a lock: two who change the keys at once do not lose one another's.
pub(crate) fn write(path: &Path, change: impl FnOnce() -> anyhow::Result<SigningKeys>) -> anyhow::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&draft).with_context(|| {
        format!(
            "cannot make {}; where it is there, somebody changes the keys now, or was cut off: then delete it",
            draft.display()
        )
    })?;
    let written = change().and_then(|keys| {
        let text = keys
            .write()
            .ok_or_else(|| anyhow!("the keys cannot be written"))?;
        replace(path, &draft, file, &text).with_context(|| format!("cannot write {}", path.display()))
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

fn replace(path: &Path, draft: &Path, mut file: fs::File, text: &SecretString) -> io::Result<()> {
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, path)?;
    // Where directories cannot be synced, the next look at the file says whether it is there.
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::File::open(parent).and_then(|dir| dir.sync_all())?;
    }
    Ok(())
}

fn usable(text: &SecretString, now: Timestamp) -> anyhow::Result<SigningKeys> {
    let keys = SigningKeys::read(text.expose_secret())?;
    if !keys.can_sign(now) {
        bail!("none of the keys signs yet");
    }
    Ok(keys)
}

fn text_of(path: &Path) -> anyhow::Result<SecretString> {
    let text = fs::read_to_string(path);
    text.map(SecretString::from).with_context(|| named(path))
}

fn named(path: &Path) -> String {
    format!("JWT_SIGNING_KEYS_FILE, {}", path.display())
}

fn digest(text: &SecretString) -> [u8; 32] {
    Sha256::digest(text.expose_secret()).into()
}
