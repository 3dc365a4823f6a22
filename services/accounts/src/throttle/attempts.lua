-- The rules of domain/attempts.rs, once more, because one script is one atomic step for all replicas.
-- ARGV: what has happened to an attempt ("begun", or its end: "right", "wrong", "neither"), the time, and for each key its
-- rule in five places: "doubling", free, window, first, longest; or "rate", interval, burst, 0, 0; or "breaker", failures,
-- percent, window, pause. All times are milliseconds.
-- Answers for each key how long the attempt has to wait; at its end, whether that has opened a breaker.
local event, now = ARGV[1], tonumber(ARGV[2])
local SLACK = 60000 -- the clocks of replicas differ

local function rule_of(i)
  local at = 5 * i - 2
  local function number(place) return tonumber(ARGV[at + place]) end
  return { kind = ARGV[at], a = number(1), b = number(2), c = number(3), d = number(4) }
end

local function forgotten_at(rule, seen)
  if rule.kind == 'rate' then return seen.free_at end
  if rule.kind == 'breaker' then return seen.since + rule.c end
  if seen.count < rule.a then return seen.since + rule.b end
  return math.max(seen.free_at, seen.since) + rule.d * 4
end

local function read(key)
  local found = redis.call('HMGET', key, 'count', 'passed', 'since', 'until')
  local function number(place) return tonumber(found[place] or 0) end
  return { count = number(1), passed = number(2), since = number(3), free_at = number(4) }
end

local function write(key, rule, seen)
  redis.call('HSET', key, 'count', seen.count, 'passed', seen.passed, 'since', seen.since, 'until', seen.free_at)
  redis.call('PEXPIRE', key, math.max(0, forgotten_at(rule, seen) - now) + SLACK)
end

local function wait(rule, seen)
  if rule.kind == 'rate' then
    return math.max(0, math.max(seen.free_at, now) - now - rule.a * (rule.b - 1))
  end
  return math.max(0, seen.free_at - now)
end

local function begin(key, rule)
  if rule.kind == 'breaker' then return end
  local seen = read(key)
  if rule.kind == 'rate' then
    seen.free_at = math.max(seen.free_at, now) + rule.a
  else
    if now >= forgotten_at(rule, seen) then seen.count, seen.since = 0, now end
    seen.count = seen.count + 1
    seen.free_at = now
    if seen.count >= rule.a then
      seen.free_at = now + math.min(rule.d, rule.c * 2 ^ math.min(seen.count - rule.a, 30))
    end
  end
  write(key, rule, seen)
end

-- Whether this has opened it.
local function count(key, rule)
  if event == 'neither' then return 0 end
  local seen = read(key)
  if now >= seen.since + rule.c then seen.count, seen.passed, seen.since = 0, 0, now end
  local opened = 0
  if event == 'right' then
    seen.passed = seen.passed + 1
  else
    seen.count = seen.count + 1
    local exceeded = seen.count > rule.a and seen.count * 100 > rule.b * (seen.count + seen.passed)
    if exceeded and now >= seen.free_at then
      opened = 1
      seen.count, seen.passed, seen.since, seen.free_at = 0, 0, now + rule.d, now + rule.d
    end
  end
  write(key, rule, seen)
  return opened
end

local function finish(key, rule)
  if rule.kind == 'breaker' then return count(key, rule) end
  if event == 'wrong' or redis.call('EXISTS', key) == 0 then return 0 end
  if rule.kind == 'doubling' and event == 'right' then
    redis.call('DEL', key)
    return 0
  end
  local seen = read(key)
  if rule.kind == 'rate' then
    seen.free_at = seen.free_at - rule.a
  else
    seen.count, seen.free_at = math.max(0, seen.count - 1), 0
  end
  write(key, rule, seen)
  return 0
end

local answers, refused = {}, false
for i, key in ipairs(KEYS) do
  local rule = rule_of(i)
  answers[i] = event == 'begun' and wait(rule, read(key)) or finish(key, rule)
  refused = refused or answers[i] > 0
end
if event == 'begun' and not refused then
  for i, key in ipairs(KEYS) do begin(key, rule_of(i)) end
end
return answers
