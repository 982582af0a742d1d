-- The generation of a group, which lasts at least as long as a value that joins it now.
--
-- KEYS[1]  the key of the group
-- ARGV     the generation to begin where there is none, and the lifetime of the value in milliseconds
local generation = redis.call('GET', KEYS[1])
if not generation then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return generation
