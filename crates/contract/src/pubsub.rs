//! What every [`PubSub`] must do.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parlance_domain::pubsub::PubSub;

/// Makes a test of each rule of publish-subscribe; the expression makes one that nobody uses yet.
#[macro_export]
macro_rules! pubsub_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            pubsub,
            $make,
            [
                every_listener_of_a_topic_hears_each_message_once_and_in_order,
                nobody_listening_is_no_error,
                a_listener_hears_nothing_of_other_topics,
                a_listener_hears_only_what_comes_after_it,
                a_listener_that_is_gone_troubles_nobody,
                a_listener_that_falls_behind_still_hears_the_newest,
            ]
        );
    };
}

async fn publish(pubsub: &dyn PubSub, topic: &str, message: &str) {
    let message = Bytes::copy_from_slice(message.as_bytes());
    pubsub.publish(topic, message).await.unwrap();
}

/// The next message; a test that would wait for ever fails instead.
async fn next(listener: &mut BoxStream<'static, Bytes>) -> String {
    let message = tokio::time::timeout(Duration::from_secs(10), listener.next()).await;
    let message = message.unwrap_or_else(|_| panic!("no message came"));
    String::from_utf8(message.unwrap().to_vec()).unwrap()
}

/// Whoever they are and however many.
pub async fn every_listener_of_a_topic_hears_each_message_once_and_in_order(pubsub: &dyn PubSub) {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(pubsub.subscribe("topic").await.unwrap());
    }
    for message in ["one", "two", "two", ""] {
        publish(pubsub, "topic", message).await;
    }
    publish(pubsub, "topic", "last").await;
    for listener in &mut listeners {
        for message in ["one", "two", "two", "", "last"] {
            assert_eq!(next(listener).await, message);
        }
    }
}

/// The message is gone.
pub async fn nobody_listening_is_no_error(pubsub: &dyn PubSub) {
    publish(pubsub, "topic", "unheard").await;
}

/// Not even of those whose names begin alike.
pub async fn a_listener_hears_nothing_of_other_topics(pubsub: &dyn PubSub) {
    let mut listener = pubsub.subscribe("topic").await.unwrap();
    for other in ["topic2", "topi", "Topic", "*", ""] {
        publish(pubsub, other, "for others").await;
    }
    publish(pubsub, "topic", "for me").await;
    assert_eq!(next(&mut listener).await, "for me");
}

/// Nothing is kept for later.
pub async fn a_listener_hears_only_what_comes_after_it(pubsub: &dyn PubSub) {
    let mut early = pubsub.subscribe("topic").await.unwrap();
    publish(pubsub, "topic", "before").await;
    assert_eq!(next(&mut early).await, "before");
    let mut late = pubsub.subscribe("topic").await.unwrap();
    publish(pubsub, "topic", "after").await;
    assert_eq!(next(&mut late).await, "after");
}

/// Neither the others nor whoever comes later.
pub async fn a_listener_that_is_gone_troubles_nobody(pubsub: &dyn PubSub) {
    let gone = pubsub.subscribe("topic").await.unwrap();
    let mut stays = pubsub.subscribe("topic").await.unwrap();
    drop(gone);
    publish(pubsub, "topic", "one").await;
    assert_eq!(next(&mut stays).await, "one");
    drop(stays);
    publish(pubsub, "topic", "unheard").await;
    let mut later = pubsub.subscribe("topic").await.unwrap();
    publish(pubsub, "topic", "two").await;
    assert_eq!(next(&mut later).await, "two");
}

/// It may lose the oldest, never the order, and it holds nobody up.
pub async fn a_listener_that_falls_behind_still_hears_the_newest(pubsub: &dyn PubSub) {
    const MESSAGES: usize = 5_000;
    let mut listener = pubsub.subscribe("topic").await.unwrap();
    for number in 1..=MESSAGES {
        publish(pubsub, "topic", &number.to_string()).await;
    }
    let mut heard = 0;
    while heard < MESSAGES {
        let number = next(&mut listener).await.parse().unwrap();
        assert!(number > heard);
        heard = number;
    }
}
