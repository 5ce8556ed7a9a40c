-- One load of bench/run for wrk. Arguments: mode (get|order), folder with the prepared lists, and a
-- number that no other run has, so that no run repeats the idempotency keys of another.
local mode, folder, run
local tokens, products, targets = {}, {}, {}
local counter, thread_id = 0, 0
local threads = {}

local function lines(name)
  local list = {}
  for line in io.lines(folder .. "/" .. name) do list[#list + 1] = line end
  return list
end

function setup(thread)
  thread:set("thread_number", #threads + 1)
  threads[#threads + 1] = thread
end

function init(args)
  mode, folder, run = args[1], args[2], args[3]
  math.randomseed(thread_number * 7919)
  tokens = lines("tokens")
  if mode == "order" then products = lines("products") end
  if mode ~= "order" then targets = lines(mode) end
end

function request()
  counter = counter + 1
  local token = tokens[math.random(#tokens)]
  if mode ~= "order" then
    return wrk.format("GET", targets[math.random(#targets)], {Authorization = "Bearer " .. token})
  end
  local headers = {Authorization = "Bearer " .. token, ["Content-Type"] = "application/json"}
  if counter % 2 == 0 then headers["Idempotency-Key"] = "bench-" .. run .. "-" .. thread_number .. "-" .. counter end
  local first = math.random(#products)
  local second = (first + math.random(#products - 1) - 1) % #products + 1
  local body = string.format('{"location":"bench","items":[{"productId":"%s","quantity":%d},{"productId":"%s","quantity":%d}]}',
    products[first], math.random(3), products[second], math.random(3))
  return wrk.format("POST", "/api/v1/orders", headers, body)
end

-- Counting statuses in Lua costs the generator a tenth of its speed; wrk counts non-2xx itself.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
