// A token bucket as one script on the server, by the server's clock; the same rules as the bucket in
// memory.
//
// A bucket is what it lacks (nanoseconds until it is full again) and when that was true (microseconds
// since 1970); a full bucket is no key. Both stay below 2^53, so Lua's numbers hold them exactly.
// A server clock that was set back keeps what was lacking and counts from there.
#pragma once

#include <string>
#include <string_view>

namespace waybill::redis {

// KEYS: the bucket. ARGV: burst, nanoseconds per token, cost (-burst to burst + 1).
// Answers {admitted, remaining, retry_after_ms, full_after_ms}.
inline constexpr std::string_view bucket_script = R"lua(
local burst, interval, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local capacity = burst * interval
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lack, at = 0, now
local stored = redis.call('GET', KEYS[1])
if stored then
  local lacked, since = string.match(stored, '^(%d+) (%d+)$')
  if lacked then lack, at = math.min(tonumber(lacked), capacity), tonumber(since) end
end
if at < now then lack = math.max(lack - (now - at) * 1000, 0) end

local left = lack
local admitted, retry_after = 1, 0
local wanted = math.max(cost, 1)
if cost < 0 then
  left = math.max(lack + cost * interval, 0)
elseif math.floor((capacity - lack) / interval) < wanted then
  admitted = 0
  retry_after = math.ceil(math.max(lack + math.min(wanted, burst) * interval - capacity, 0) / 1000000)
else
  left = lack + cost * interval
end

local full_after = math.ceil(left / 1000000)
if left ~= lack or at > now then
  if left > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f %.0f', left, now), 'PX', string.format('%.0f', full_after))
  else
    redis.call('DEL', KEYS[1])
  end
end
return {admitted, math.floor((capacity - left) / interval), retry_after, full_after}
)lua";

// The name by which the server knows the script once it has run; hexadecimal. Throws std::runtime_error.
[[nodiscard]] std::string bucket_script_sha1();

}  // namespace waybill::redis
