-- Gives a lease back, if it is still the holder's.
--
-- KEYS[1]  the key
-- ARGV[1]  the token of the holder
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return true
