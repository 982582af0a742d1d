//! A private Redis: alone, with TLS, behind a sentinel, in a cluster.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use parlance_testbed::{Redis, RedisCluster, Sentinel, TlsFiles};

#[test]
fn a_server_forgets_everything_when_it_is_killed_and_comes_back_on_its_port() {
    let redis = Redis::builder().line("maxmemory 10mb").start().unwrap();
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}/0", redis.port()));
    assert_eq!(redis.command(&["SET", "key", "a value"]).unwrap(), "OK");
    assert_eq!(redis.command(&["GET", "key"]).unwrap(), "a value");
    assert_eq!(
        redis.command(&["CONFIG", "GET", "maxmemory"]).unwrap(),
        "maxmemory\n10485760"
    );
    assert!(redis.command(&["SET"]).is_err());
    redis.kill().unwrap();
    assert!(redis.command(&["PING"]).is_err());
    redis.start_again().unwrap();
    assert_eq!(redis.command(&["GET", "key"]).unwrap(), "");
    redis.stop().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", redis.port())).is_err());
}

#[test]
fn a_password_is_in_the_url_and_not_in_what_is_printed() {
    let redis = Redis::builder().password("only-for-friends").start().unwrap();
    assert!(redis.url().contains(":only-for-friends@"));
    assert!(!format!("{redis:?}").contains("only-for-friends"));
    assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    let mut stranger = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stranger.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    stranger.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"-NOAUTH");
}

#[test]
fn a_frozen_server_takes_connections_and_answers_once_it_is_thawed() {
    let redis = Redis::start().unwrap();
    redis.freeze().unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    assert!(client.read(&mut answer).is_err());
    redis.thaw().unwrap();
    client.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn a_server_with_tls_speaks_nothing_else() {
    let files = TlsFiles::create().unwrap();
    let redis = Redis::builder().tls(&files).start().unwrap();
    assert!(redis.url().starts_with("rediss://"));
    assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    let mut client = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut answer = Vec::new();
    // The server closes the connection, in whichever way.
    let _ = client.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"+PONG"));
}

#[test]
fn a_replica_takes_over_from_a_master_that_was_killed() {
    let sentinel = Sentinel::start("words").unwrap();
    assert_eq!(sentinel.name(), "words");
    let master = sentinel.master().unwrap();
    assert_eq!(master.port(), sentinel.servers()[0].port());
    assert_eq!(master.command(&["SET", "key", "value"]).unwrap(), "OK");
    let new = sentinel.fail_over().unwrap();
    assert_eq!(new.port(), sentinel.servers()[1].port());
    assert_eq!(new.command(&["GET", "key"]).unwrap(), "value");
}

#[test]
fn a_cluster_shares_the_slots() {
    let cluster = RedisCluster::start().unwrap();
    assert_eq!(cluster.servers().len(), 3);
    let replies = cluster
        .servers()
        .iter()
        .map(|server| server.command(&["SET", "key", "value"]));
    let taken: Vec<_> = replies.filter_map(Result::ok).collect();
    assert_eq!(taken, ["OK"]);
}
