"""What the Redis back end does in one step: Lua scripts, which Redis runs one at a time.

Every script gets all keys it touches as KEYS, and all of them belong to one user, so that a
cluster runs it where that user's slot is. The keys of a user:

    u  hash: w (wrapped data key), a (erased at), v (version)
    e  hash: token -> packed entry (index and blob, see `redis.py`)
    i  hash: index -> token
    k  sorted set: known tokens, by the version at which they became known
    x  sorted set: keys of sessions, by their expiry
    s:<key>  a session, with a time to live
"""

from __future__ import annotations

# ARGV: wrapped key. Whoever wants to write passes by here.
_WRITABLE = """
local user = redis.call('HMGET', KEYS[1], 'w', 'a')
if not user[1] or user[2] or user[1] ~= ARGV[1] then return {'erased'} end
"""

# KEYS: u. ARGV: wrapped key, time to live in milliseconds or 0.
CREATE_USER = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'w', ARGV[1], 'v', 0)
  if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
return redis.call('HMGET', KEYS[1], 'w', 'a', 'v')
"""

# KEYS: u. ARGV: old, new wrapped key.
REWRAP = """
if redis.call('HGET', KEYS[1], 'w') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'w', ARGV[2])
return 1
"""

# KEYS: u e i k. ARGV: wrapped key, time to live, then token, packed entry, index, known (1 or 0)
# of each entry. Returns token, packed entry, known (1 or 0) of each winner.
PUT = (
    _WRITABLE
    + """
local version = redis.call('HGET', KEYS[1], 'v') + 1
local out = {}
local news = false
for n = 3, #ARGV, 4 do
  local token, packed, index = ARGV[n], ARGV[n + 1], ARGV[n + 2]
  local winner = token
  local held = index ~= '' and redis.call('HGET', KEYS[3], index)
  local mine
  if held then
    winner, mine = held, true
  elseif redis.call('HSETNX', KEYS[2], token, packed) == 1 then
    if index ~= '' then redis.call('HSET', KEYS[3], index, token) end
    mine = true
  else
    -- Taken. It is the one that was meant only if neither has an index (a first byte of 0).
    local there = redis.call('HGET', KEYS[2], token)
    mine = index == '' and string.byte(there) == 0
  end
  if mine and ARGV[n + 3] == '1' and not redis.call('ZSCORE', KEYS[4], winner) then
    redis.call('ZADD', KEYS[4], version, winner)
    news = true
  end
  out[#out + 1] = winner
  out[#out + 1] = redis.call('HGET', KEYS[2], winner)
  out[#out + 1] = redis.call('ZSCORE', KEYS[4], winner) and 1 or 0
end
if news then redis.call('HSET', KEYS[1], 'v', version) end
if ARGV[2] ~= '0' then
  for n = 1, 4 do redis.call('PEXPIRE', KEYS[n], ARGV[2]) end
end
return out
"""
)

# KEYS: e i k. ARGV: tokens. Returns how many there were.
DISCARD = """
local gone = 0
for _, token in ipairs(ARGV) do
  local packed = redis.call('HGET', KEYS[1], token)
  if packed then
    local length = string.byte(packed)
    if length > 0 then redis.call('HDEL', KEYS[2], string.sub(packed, 2, 1 + length)) end
    redis.call('HDEL', KEYS[1], token)
    redis.call('ZREM', KEYS[3], token)
    gone = gone + 1
  end
end
return gone
"""

# KEYS: u x s:<key> e i k. ARGV: wrapped key, time to live of the user's values, session key, blob,
# expiry and now in milliseconds.
PUT_SESSION = (
    _WRITABLE
    + """
local there = redis.call('ZSCORE', KEYS[2], ARGV[3])
if there and tonumber(there) > tonumber(ARGV[6]) and redis.call('EXISTS', KEYS[3]) == 1 then
  return {'there'}
end
redis.call('SET', KEYS[3], ARGV[4], 'PXAT', ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[3])
redis.call('PEXPIREAT', KEYS[2], redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2])
if ARGV[2] ~= '0' then
  for _, n in ipairs({1, 4, 5, 6}) do redis.call('PEXPIRE', KEYS[n], ARGV[2]) end
end
return {'stored'}
"""
)

# KEYS: u x s:<key>. ARGV: session key, now in milliseconds.
TAKE_SESSION = """
local user = redis.call('HMGET', KEYS[1], 'w', 'a')
if not user[1] or user[2] then return false end
local expires_at = redis.call('ZSCORE', KEYS[2], ARGV[1])
local blob = redis.call('GET', KEYS[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3])
if not expires_at or tonumber(expires_at) <= tonumber(ARGV[2]) then return false end
return blob
"""

# KEYS: u e i k x, then the sessions that x held a moment ago. ARGV: erased at, then the keys of
# those sessions. Returns -1, and does nothing, if x holds others by now.
ERASE = """
local passed = {}
for n = 2, #ARGV do passed[ARGV[n]] = true end
for _, key in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do
  if not passed[key] then return -1 end
end
local gone = redis.call('HLEN', KEYS[2])
for n = 2, #KEYS do redis.call('DEL', KEYS[n]) end
redis.call('HDEL', KEYS[1], 'w')
redis.call('HSETNX', KEYS[1], 'a', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'v', 1)
redis.call('PERSIST', KEYS[1])
return gone
"""

# KEYS: u e i k. ARGV: erased at.
TOMBSTONE = """
redis.call('HSETNX', KEYS[1], 'v', 0)
redis.call('HSETNX', KEYS[1], 'a', ARGV[1])
for n = 1, 4 do redis.call('PERSIST', KEYS[n]) end
return 1
"""

# KEYS: u e i k. ARGV: time to live in milliseconds or 0.
REINSTATE = """
if redis.call('HEXISTS', KEYS[1], 'a') == 0 then return 0 end
if redis.call('HEXISTS', KEYS[1], 'w') == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HDEL', KEYS[1], 'a')
  if ARGV[1] ~= '0' then
    for n = 1, 4 do redis.call('PEXPIRE', KEYS[n], ARGV[1]) end
  end
end
return 1
"""
