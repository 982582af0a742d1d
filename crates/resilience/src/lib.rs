//! Decorators of ports: what to do when the thing behind a port is slow, far away or gone.
