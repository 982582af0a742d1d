-- The value of a key, and the generation of its group as it is now, if it has one.
--
-- KEYS[1]  the key
-- ARGV[1]  what the names of the keys of groups begin with
local value = redis.call('GET', KEYS[1])
if not value then
  return false
end
if string.byte(value, 1) == 0 then
  return { value, false }
end
local a, b, c, d = string.byte(value, 2, 5)
local length = ((a * 256 + b) * 256 + c) * 256 + d
return { value, redis.call('GET', ARGV[1] .. string.sub(value, 6, 5 + length)) }
