-- Has a lease last from now on, if it is still the holder's.
--
-- KEYS[1]  the key
-- ARGV[1]  the token of the holder
-- ARGV[2]  how long, in milliseconds
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
