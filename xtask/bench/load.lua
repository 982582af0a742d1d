-- Requests for `cargo xtask bench`, one kind per run of wrk: BENCH_CASE names it, BENCH_TOKENS is a file with one access
-- token per line. Every write names another word or carries another value, so that none is without effect.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local kind = os.getenv("BENCH_CASE")
local tokens = {}
local count = 0

for line in io.lines(os.getenv("BENCH_TOKENS")) do
  tokens[#tokens + 1] = { ["Authorization"] = "Bearer " .. line, ["Content-Type"] = "application/json" }
end

function init(_)
  math.randomseed(os.time() + 7919 * number)
end

local function headers()
  return tokens[math.random(#tokens)]
end

local function word(at)
  return string.format("bench-%03d", at % 500)
end

-- Distinct for every request of every thread, and below 2^31.
local function value()
  count = count + 1
  return 1 + number * 100000000 + count
end

local function members()
  local studies = value()
  return string.format('"studyCount":%d,"correctCount":%d,"confidence":%.4f', studies, studies, math.random())
end

local kinds = {}

kinds["words"] = function()
  return wrk.format("GET", "/api/v1/vocabulary/lists/hsk3-band-1/words")
end

kinds["progress"] = function()
  return wrk.format("GET", "/api/v1/progress", headers())
end

kinds["me"] = function()
  return wrk.format("GET", "/api/v1/auth/me", headers())
end

kinds["word"] = function()
  return wrk.format("GET", "/api/v1/progress/" .. word(math.random(0, 499)), headers())
end

kinds["login"] = function()
  local body = string.format('{"email":"learner%d@example.com","password":"Benchmark1"}', math.random(1, 1000))
  return wrk.format("POST", "/api/v1/auth/login", { ["Content-Type"] = "application/json" }, body)
end

kinds["put"] = function()
  return wrk.format("PUT", "/api/v1/progress/" .. word(math.random(0, 499)), headers(), "{" .. members() .. "}")
end

kinds["batch"] = function()
  local first = math.random(0, 499)
  local updates = {}
  for at = 1, 100 do
    updates[at] = string.format('{"wordId":"%s",%s}', word(first + at), members())
  end
  return wrk.format("POST", "/api/v1/progress/batch", headers(), '{"updates":[' .. table.concat(updates, ",") .. "]}")
end

kinds["alive"] = function()
  return wrk.format("GET", "/livez")
end

-- What `cargo xtask bench` has had made before.
kinds["speech"] = function()
  return wrk.format("POST", "/api/v1/tts", headers(), '{"text":"你好"}')
end

kinds["conversation"] = function()
  local body = '{"type":"text","wordId":"zh-00003","word":"我"}'
  return wrk.format("POST", "/api/v1/conversations", headers(), body)
end

request = kinds[kind]

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"micros":%d,"p50":%d,"p95":%d,"p99":%d,"max":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    latency.max, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
