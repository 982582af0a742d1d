//! What the proxy does to connections.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Manner, Proxy};

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);

/// Answers each byte with itself and its name.
async fn echo(name: u8) -> (TcpListener, u8) {
    (TcpListener::bind("127.0.0.1:0").await.unwrap(), name)
}

fn serve((listener, name): (TcpListener, u8)) -> std::net::SocketAddr {
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while let Ok(byte) = stream.read_u8().await {
                    if stream.write_all(&[byte, name]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

async fn proxy() -> Proxy {
    Proxy::start(vec![serve(echo(b'a').await)]).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn ask(stream: &mut TcpStream) -> std::io::Result<[u8; 2]> {
    stream.write_all(b"x").await?;
    let mut answer = [0; 2];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap()?;
    Ok(answer)
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SHORT, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn what_passes_is_counted_and_not_changed() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    assert_eq!(ask(&mut client).await.unwrap(), *b"xa");
    assert_eq!((proxy.dials(), proxy.open()), (1, 1));
    drop(client);
    while proxy.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_delay_is_of_each_answer() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Manner::Delay(Duration::from_millis(80)));
    let began = Instant::now();
    client.write_all(b"xyz").await.unwrap();
    let mut answers = [0; 6];
    client.read_exact(&mut answers).await.unwrap();
    assert_eq!(&answers, b"xayaza");
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn what_is_held_passes_afterwards() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old).await.unwrap();
    proxy.set(Manner::Hold);
    let mut new = connect(&proxy).await;
    for client in [&mut old, &mut new] {
        client.write_all(b"x").await.unwrap();
        assert!(is_silent(client).await);
    }
    proxy.set(Manner::Pass);
    for mut client in [old, new] {
        let mut answer = [0; 2];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"xa");
    }
}

#[tokio::test]
async fn refused_connections_are_reset_and_others_stay() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old).await.unwrap();
    proxy.set(Manner::Refuse);
    let mut new = connect(&proxy).await;
    assert!(ask(&mut new).await.is_err());
    assert!(ask(&mut old).await.is_ok());
}

#[tokio::test]
async fn a_cut_resets_all_connections_and_none_later() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    ask(&mut client).await.unwrap();
    proxy.cut();
    let reset = timeout(PATIENCE, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(ask(&mut connect(&proxy).await).await.is_ok());
}

#[tokio::test]
async fn answers_are_lost_and_counted() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Manner::LoseAnswers);
    client.write_all(b"x").await.unwrap();
    timeout(PATIENCE, async {
        while proxy.lost() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(is_silent(&mut client).await);
    assert_eq!(proxy.lost(), 2);
}

#[tokio::test]
async fn answers_come_at_the_rate_wanted() {
    let proxy = proxy().await;
    proxy.set(Manner::Throttle(100));
    let mut client = connect(&proxy).await;
    let began = Instant::now();
    client.write_all(&[b'x'; 5]).await.unwrap();
    client.read_exact(&mut [0; 10]).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(90));
}

#[tokio::test]
async fn a_connection_is_cut_in_the_middle_of_an_answer() {
    let proxy = proxy().await;
    proxy.set(Manner::CutAfter(3));
    let mut client = connect(&proxy).await;
    client.write_all(b"xy").await.unwrap();
    let mut answers = Vec::new();
    assert!(
        timeout(PATIENCE, client.read_to_end(&mut answers))
            .await
            .unwrap()
            .is_err()
    );
    assert!(answers.len() <= 3);
}

#[tokio::test]
async fn servers_take_turns_and_one_that_is_gone_is_passed_over() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let targets = vec![gone, serve(echo(b'a').await), serve(echo(b'b').await)];
    let proxy = Proxy::start(targets).await.unwrap();
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(ask(&mut connect(&proxy).await).await.unwrap()[1]);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, b"ab");
}
