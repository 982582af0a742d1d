-- Puts a value in the place of another, if that is still there: in its group as it joined, for as long as it is to
-- live.
--
-- KEYS[1]  the key
-- ARGV     the value that is to be there, and the one to take its place
local stored = redis.call('GET', KEYS[1])
if not stored then
  return 0
end
local start = 2
if string.byte(stored, 1) ~= 0 then
  local a, b, c, d = string.byte(stored, 2, 5)
  start = 22 + ((a * 256 + b) * 256 + c) * 256 + d
end
if string.sub(stored, start) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], string.sub(stored, 1, start - 1) .. ARGV[2], 'KEEPTTL')
return 1
