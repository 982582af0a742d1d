//! The rules of the ports, over a real Redis.

mod limits {
    parlance_contract::rate_limiter_contract!(crate::support::limiter(crate::support::link()));
}

mod cache {
    use std::sync::Arc;

    use parlance_redis::RedisCache;

    parlance_contract::cache_contract!(Arc::new(RedisCache::new(crate::support::link())));
}

mod leases {
    use std::sync::Arc;

    use parlance_redis::RedisLeases;

    parlance_contract::leases_contract!(Arc::new(RedisLeases::new(crate::support::link())));
}

mod pubsub {
    use parlance_redis::RedisPubSub;

    parlance_contract::pubsub_contract!(RedisPubSub::new(crate::support::link()));
}
