-- The rules of domain/attempts.rs, once more, because one script is one atomic step for all replicas.
-- ARGV: what to do ("attempt", "clear" or "take back"), the time, and for each key its rule in five places:
-- "doubling", free, window, first, longest; or "rate", interval, burst, 0, 0. All times are milliseconds.
local action, now = ARGV[1], tonumber(ARGV[2])
local SLACK = 60000 -- the clocks of replicas differ

local function rule_of(i)
  local at = 5 * i - 2
  local function number(place) return tonumber(ARGV[at + place]) end
  return { kind = ARGV[at], a = number(1), b = number(2), c = number(3), d = number(4) }
end

local function forgotten_at(rule, count, since, free_at)
  if rule.kind == 'rate' then return free_at end
  if count < rule.a then return since + rule.b end
  return math.max(free_at, since) + rule.d * 4
end

local function read(key)
  local found = redis.call('HMGET', key, 'count', 'since', 'until')
  return tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0)
end

local function write(key, rule, count, since, free_at)
  redis.call('HSET', key, 'count', count, 'since', since, 'until', free_at)
  redis.call('PEXPIRE', key, math.max(0, forgotten_at(rule, count, since, free_at) - now) + SLACK)
end

local waits, refused = {}, false
for i, key in ipairs(KEYS) do
  local rule = rule_of(i)
  local count, since, free_at = read(key)
  if action == 'attempt' then
    local wait = free_at - now
    if rule.kind == 'rate' then wait = math.max(free_at, now) - now - rule.a * (rule.b - 1) end
    waits[i] = math.max(0, wait)
    refused = refused or wait > 0
  elseif redis.call('EXISTS', key) == 1 then
    if rule.kind == 'rate' then
      write(key, rule, count, since, free_at - rule.a)
    elseif action == 'clear' then
      redis.call('DEL', key)
    else
      write(key, rule, math.max(0, count - 1), since, 0)
    end
  end
end

if action == 'attempt' and not refused then
  for i, key in ipairs(KEYS) do
    local rule = rule_of(i)
    local count, since, free_at = read(key)
    if rule.kind == 'rate' then
      free_at = math.max(free_at, now) + rule.a
    else
      if now >= forgotten_at(rule, count, since, free_at) then count, since = 0, now end
      count = count + 1
      free_at = now
      if count >= rule.a then
        free_at = now + math.min(rule.d, rule.c * 2 ^ math.min(count - rule.a, 30))
      end
    end
    write(key, rule, count, since, free_at)
  end
end
return waits
