-- The rates of one call, judged and taken together: all of them or none. The same arithmetic as `Bucket`, for a fleet.
--
-- KEYS     One per rate. All must live in one slot of a cluster: they share the hash tag of their subject.
--          The value is `T R Q F`: the theoretical arrival time, T + R / Q microseconds since the epoch of the clock, and
--          F, for how many whole microseconds the burst reached when it was written. Absent means full.
-- ARGV[1]  `reserve` or `settle`.
-- ARGV[2]  Now in microseconds; empty for this server's own clock. Keys expire in the latter case only, since with
--          another clock nobody knows how long they last in this server's time.
-- ARGV[3…] For each key, in their order, spans as two numbers `T R` that mean T + R / Q microseconds:
--          reserve: Q, full burst (T R), the call (T R).
--          settle:  Q, full burst (T R), what goes back (T R), the arrival time after the reservation (T R), what is
--                   charged on top (T R).
--
-- Returns  { 1 if admitted else 0, now, T, R, T, R, … }: how far each arrival time is ahead of now, with the call if it was
--          admitted, without it if not. From it the caller works out what is left and when to come again.
--
-- Why microseconds: Lua's numbers are doubles, whole up to 2^53. Microseconds since 1970 are below 2^51 until the year
-- 2041 and below 2^53 for two centuries more; nanoseconds are beyond it already. It is also what TIME tells. Spans are below 2^50 and
-- fractions R < Q <= 2^48, as the caller guarantees, so every sum here is exact. Products would not be; there are
-- none but for a changed burst.

local mode, now = ARGV[1], tonumber(ARGV[2])
local lasting = now ~= nil
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local width = mode == 'reserve' and 5 or 9

local function number(key, position)
  return tonumber(ARGV[2 + (key - 1) * width + position])
end

local function above(t, r, other_t, other_r)
  return t > other_t or (t == other_t and r > other_r)
end

local function plus(t, r, other_t, other_r, q)
  t, r = t + other_t, r + other_r
  if r >= q then return t + 1, r - q end
  return t, r
end

-- Never below zero.
local function minus(t, r, other_t, other_r, q)
  if not above(t, r, other_t, other_r) then return 0, 0 end
  t, r = t - other_t, r - other_r
  if r < 0 then return t - 1, r + q end
  return t, r
end

-- How far the arrival time is ahead of now. Where the rate was changed since, the used share of the burst stays, rounded
-- up to a microsecond.
local function backlog(key)
  local state = redis.call('GET', KEYS[key])
  if not state then return 0, 0 end
  local t, r, q, reached = string.match(state, '^(%d+) (%d+) (%d+) (%d+)$')
  t, r, q, reached = tonumber(t) - now, tonumber(r), tonumber(q), tonumber(reached)
  if t < 0 or (t == 0 and r == 0) then return 0, 0 end
  local full_t, full_r = number(key, 2), number(key, 3)
  if q == number(key, 1) and reached == full_t then return t, r end
  if r > 0 then t = t + 1 end
  if reached ~= full_t then
    local owing = t > reached + 1
    t = math.ceil(t * (full_r > 0 and full_t + 1 or full_t) / math.max(reached, 1))
    if not owing and t > full_t then return full_t, full_r end
  end
  return t, 0
end

local function write(key, t, r)
  if t == 0 and r == 0 then
    redis.call('DEL', KEYS[key])
    return
  end
  -- Not tostring: it would round to 14 digits.
  local state = string.format('%.0f %.0f %.0f %.0f', now + t, r, number(key, 1), number(key, 2))
  if lasting then
    redis.call('SET', KEYS[key], state)
  else
    redis.call('SET', KEYS[key], state, 'PX', string.format('%.0f', math.ceil((t + 1) / 1000)))
  end
end

local answer = { 1, now }

if mode == 'settle' then
  for key = 1, #KEYS do
    local q = number(key, 1)
    local t, r = backlog(key)
    -- What has come back with time is not given back again.
    local held_t, held_r = minus(number(key, 6), number(key, 7), now, 0, q)
    local back_t, back_r = number(key, 4), number(key, 5)
    if above(back_t, back_r, held_t, held_r) then back_t, back_r = held_t, held_r end
    t, r = minus(t, r, back_t, back_r, q)
    t, r = plus(t, r, number(key, 8), number(key, 9), q)
    write(key, t, r)
    answer[#answer + 1], answer[#answer + 2] = t, r
  end
  return answer
end

local before, after = {}, {}
for key = 1, #KEYS do
  local t, r = backlog(key)
  before[key] = { t, r }
  t, r = plus(t, r, number(key, 4), number(key, 5), number(key, 1))
  after[key] = { t, r }
  if above(t, r, number(key, 2), number(key, 3)) then answer[1] = 0 end
end
for key = 1, #KEYS do
  local left = before[key]
  if answer[1] == 1 then
    left = after[key]
    write(key, left[1], left[2])
  end
  answer[#answer + 1], answer[#answer + 2] = left[1], left[2]
end
return answer
