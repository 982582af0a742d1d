//! The fakes keep the same rules as what they stand for.

use parlance_contract::fakes::PlainHasher;

parlance_contract::password_hasher_contract!(PlainHasher::default());
