-- Counts up to as many as are wanted, as many as there is room for in the window that ends now.
--
-- KEYS[1]  the log: a list of "time:count:total", oldest first. `count` were let through at `time` (microseconds);
--          `total` is how many there had been in all by then, so that the sum over the log is a difference
-- ARGV     quota, window, wanted, grain, and the time to go by in the place of the server's, if it is not empty; all
--          but the first and third in microseconds
--
-- Gives how many are granted, how many more would be, and how long it takes until the oldest leaves the window.
local log = KEYS[1]
local quota, window, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local grain = tonumber(ARGV[4])
local now = tonumber(ARGV[5])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000000 + clock[2]
end
-- The clock may be set back by so much without anything being done about it.
local slack = 1000000

local function entry(index)
  local text = redis.call('LINDEX', log, index)
  if not text then
    return nil
  end
  local time, count, total = string.match(text, '^(%d+):(%d+):(%d+)$')
  return { time = tonumber(time), count = tonumber(count), total = tonumber(total) }
end

local function text(time, count, total)
  -- Not `tostring`, which rounds to 14 digits.
  return string.format('%.0f:%.0f:%.0f', time, count, total)
end

local function counted(first, last)
  return first and last.total - first.total + first.count or 0
end

local first, last = entry(0), entry(-1)
if last and last.time > now + slack then
  -- The clock went back: what is in the log happened, at the latest, now.
  local sum = counted(first, last)
  redis.call('DEL', log)
  redis.call('RPUSH', log, text(now, sum, sum))
  redis.call('PEXPIRE', log, math.ceil(window / 1000))
  first, last = entry(0), entry(-1)
elseif last and last.time > now then
  now = last.time
end
if last and last.time + window <= now then
  redis.call('DEL', log)
  first, last = nil, nil
end
while first and first.time + window <= now do
  redis.call('LPOP', log)
  first = entry(0)
end

local room = math.max(0, quota - counted(first, last))
local granted = math.min(wanted, room)
if granted > 0 then
  if last and math.floor(last.time / grain) == math.floor(now / grain) then
    local alone = first.total == last.total
    redis.call('LSET', log, -1, text(now, last.count + granted, last.total + granted))
    first = alone and { time = now } or first
  else
    local total = (last and last.total or 0) + granted
    redis.call('RPUSH', log, text(now, granted, total))
    first = first or { time = now }
  end
  redis.call('PEXPIRE', log, math.ceil(window / 1000))
end
local oldest = first and first.time or now
return { granted, room - granted, oldest + window - now }
