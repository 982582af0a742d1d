//! Letters in a folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use parlance_domain::mail::Mailer;
use parlance_mail::FolderMailer;
use parlance_testbed::ReceivedMail;

use crate::letters::letter;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_letter_becomes_a_file_that_its_owner_alone_can_read() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("data/mail");
    let mailer = FolderMailer::new(&folder, "Parlance <parlance@localhost>".parse().unwrap());
    let to = "ann@example.com".parse().unwrap();
    // The same letter again takes the place of the first.
    for number in [1, 2, 2] {
        mailer.send(&to, &letter(number)).await.unwrap();
    }
    let mut names: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!((mode(&folder), mode(&names[0])), (0o700, 0o600));
    let mail = ReceivedMail::parse(std::fs::read(&names[0]).unwrap()).unwrap();
    assert_eq!(
        (mail.from.as_str(), mail.to),
        ("parlance@localhost", vec!["ann@example.com".to_owned()])
    );
    assert_eq!(mail.text.trim_end(), letter(1).text.trim_end());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_of() {
    let temp = tempfile::NamedTempFile::new().unwrap();
    let mailer = FolderMailer::new(temp.path(), "parlance@localhost".parse().unwrap());
    let error = mailer
        .send(&"ann@example.com".parse().unwrap(), &letter(1))
        .await
        .unwrap_err();
    assert!(error.source.is_some());
}
