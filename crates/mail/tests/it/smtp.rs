//! Letters to a server on this machine, which misbehaves as it is told.

use std::time::{Duration, Instant};

use parlance_domain::mail::{Letter, Mailer, MailerError, MailerErrorKind};
use parlance_mail::{SmtpConfig, SmtpMailer};
use parlance_testbed::{FakeSmtp, SmtpBehaviour, SmtpEncryption, SmtpTerms, TlsFiles};

use crate::letters::letter;

const HANGS: Duration = Duration::from_millis(500);

fn mailer_to(server: &FakeSmtp) -> SmtpMailer {
    let mut config: SmtpConfig = server.url().parse().unwrap();
    config.ca_file = server.tls().map(TlsFiles::ca);
    SmtpMailer::new(config, "Grüße <mail@parlance.example>".parse().unwrap()).unwrap()
}

async fn send(mailer: &SmtpMailer, number: u128) -> Result<(), MailerError> {
    send_to(mailer, "Ann.Lee@bücher.example", &letter(number)).await
}

async fn send_to(mailer: &SmtpMailer, to: &str, letter: &Letter) -> Result<(), MailerError> {
    mailer.send(&to.parse().unwrap(), letter).await
}

async fn failure(mailer: &SmtpMailer) -> (MailerErrorKind, Option<u16>) {
    let error = send(mailer, 1).await.unwrap_err();
    (error.kind, error.code)
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written() {
    let server = FakeSmtp::start().unwrap();
    send(&mailer_to(&server), 7).await.unwrap();
    let mail = server.mails().pop().unwrap();
    let sent = letter(7);
    assert_eq!(mail.from, "mail@parlance.example");
    assert_eq!(mail.to, ["Ann.Lee@xn--bcher-kva.example"]);
    assert_eq!(
        (mail.subject.as_str(), mail.text.trim_end()),
        (sent.subject.as_str(), sent.text.trim_end())
    );
    assert_eq!(mail.html.trim_end(), sent.html.trim_end());
    assert_eq!(mail.token(), Some("abc="));
    assert_eq!(mail.message_id, format!("{}@parlance.example", sent.id));
    assert_eq!(mail.header("Date"), Some("Sun, 01 Mar 2026 12:00:00 +0000"));
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    // Every server has to take it.
    assert!(mail.raw.is_ascii());
    assert!(
        mail.raw
            .split(|byte| *byte == b'\n')
            .all(|line| line.len() < 1_000)
    );
}

#[tokio::test]
async fn a_login_is_sent_over_an_encrypted_connection() {
    for encryption in [SmtpEncryption::StartTls, SmtpEncryption::Whole] {
        let terms = SmtpTerms {
            login: true,
            encryption,
        };
        let server = FakeSmtp::start_with(terms).unwrap();
        let mailer = mailer_to(&server);
        for number in [1, 2, 3] {
            send(&mailer, number).await.unwrap();
        }
        let mails = server.mails();
        assert!(mails.len() == 3 && mails.iter().all(|mail| mail.encrypted && mail.logged_in));
        assert_eq!(server.connections(), 1, "the connection was to be kept");
    }
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_is_sent_nothing() {
    let server = FakeSmtp::start().unwrap();
    let config: SmtpConfig = server.url().split('?').next().unwrap().parse().unwrap();
    let mailer = SmtpMailer::new(config, "mail@parlance.example".parse().unwrap()).unwrap();
    assert_eq!(failure(&mailer).await.0, MailerErrorKind::Unreachable);
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_server_whose_certificate_nobody_vouches_for_is_sent_nothing() {
    let terms = SmtpTerms {
        login: true,
        encryption: SmtpEncryption::StartTls,
    };
    let server = FakeSmtp::start_with(terms).unwrap();
    let other = TlsFiles::create().unwrap();
    let mut config: SmtpConfig = server.url().parse().unwrap();
    config.ca_file = Some(other.ca());
    let mailer = SmtpMailer::new(config, "mail@parlance.example".parse().unwrap()).unwrap();
    assert_eq!(failure(&mailer).await, (MailerErrorKind::Unreachable, None));
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_no_fault_of_a_letter() {
    let terms = SmtpTerms {
        login: true,
        encryption: SmtpEncryption::None,
    };
    let server = FakeSmtp::start_with(terms).unwrap();
    let wrong = server.url().replace("pass%20of", "another");
    let mailer = SmtpMailer::new(wrong.parse().unwrap(), "mail@parlance.example".parse().unwrap()).unwrap();
    assert_eq!(failure(&mailer).await, (MailerErrorKind::Unreachable, Some(535)));
    // Nor is it that none was given.
    let (_, address) = wrong.split_once('@').unwrap();
    let config: SmtpConfig = format!("smtp://{address}").parse().unwrap();
    let mailer = SmtpMailer::new(config, "mail@parlance.example".parse().unwrap()).unwrap();
    assert!(send(&mailer, 1).await.is_err());
}

#[tokio::test]
async fn a_refusal_is_for_now_or_for_ever() {
    let server = FakeSmtp::start().unwrap();
    let mailer = mailer_to(&server);
    for (behaviour, kind, code) in [
        (SmtpBehaviour::RefuseReader(450), MailerErrorKind::NotNow, 450),
        (SmtpBehaviour::RefuseReader(550), MailerErrorKind::Never, 550),
        (SmtpBehaviour::RefuseMail(451), MailerErrorKind::NotNow, 451),
        (SmtpBehaviour::RefuseMail(554), MailerErrorKind::Never, 554),
        (
            SmtpBehaviour::RefuseReader(421),
            MailerErrorKind::Unreachable,
            421,
        ),
        (
            SmtpBehaviour::RefuseReader(530),
            MailerErrorKind::Unreachable,
            530,
        ),
        (
            SmtpBehaviour::RefuseConnection(421),
            MailerErrorKind::Unreachable,
            421,
        ),
        (
            SmtpBehaviour::RefuseConnection(554),
            MailerErrorKind::Unreachable,
            554,
        ),
    ] {
        server.next(&[behaviour]);
        assert_eq!(failure(&mailer).await, (kind, Some(code)), "{behaviour:?}");
    }
    send(&mailer, 1).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn threat_73_a_failure_tells_nothing_of_reader_or_letter() {
    let server = FakeSmtp::start().unwrap();
    let mailer = mailer_to(&server);
    server.next(&[SmtpBehaviour::RefuseReader(550)]);
    let error = send(&mailer, 1).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("refused as it was told") && !shown.contains("Ann"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_deadline_and_no_more() {
    let server = FakeSmtp::start().unwrap();
    let mailer = mailer_to(&server).with_deadline(HANGS);
    for behaviour in [SmtpBehaviour::Hang, SmtpBehaviour::HangAtEnd] {
        server.next(&[behaviour]);
        let began = Instant::now();
        assert_eq!(
            failure(&mailer).await,
            (MailerErrorKind::Unreachable, None),
            "{behaviour:?}"
        );
        assert!(began.elapsed() < HANGS * 10);
    }
    // What was left hanging is not used again.
    send(&mailer, 2).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_same_letter_to_be_sent_again() {
    let server = FakeSmtp::start().unwrap();
    let mailer = mailer_to(&server);
    server.next(&[SmtpBehaviour::LoseAnswer]);
    assert_eq!(failure(&mailer).await, (MailerErrorKind::Unreachable, None));
    send(&mailer, 1).await.unwrap();
    let mails = server.mails();
    assert!(mails.len() == 2 && mails[0].message_id == mails[1].message_id);
}

#[tokio::test]
async fn a_server_that_comes_back_is_sent_to_again() {
    let server = FakeSmtp::start().unwrap();
    let mailer = mailer_to(&server);
    send(&mailer, 1).await.unwrap();
    server.stop();
    assert_eq!(failure(&mailer).await, (MailerErrorKind::Unreachable, None));
    server.resume().unwrap();
    send(&mailer, 2).await.unwrap();
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn threat_46_no_line_break_adds_a_header_field_or_a_reader() {
    let server = FakeSmtp::start().unwrap();
    let mailer = mailer_to(&server);
    let letter = Letter {
        subject: "Hello\r\nBcc: eve@example.com\r\n\r\nbody".to_owned(),
        ..letter(1)
    };
    send_to(&mailer, "ann@example.com", &letter).await.unwrap();
    let mail = server.mails().pop().unwrap();
    assert_eq!(mail.to, ["ann@example.com"]);
    assert_eq!(mail.header("Bcc"), None);
    assert_eq!(mail.text.trim_end(), letter.text.trim_end());
}

#[tokio::test]
async fn an_address_that_the_server_has_no_words_for_is_given_up() {
    let server = FakeSmtp::start().unwrap();
    let error = send_to(&mailer_to(&server), "学生@example.com", &letter(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind, MailerErrorKind::Never);
}
