-- One load of bench/run for wrk. Arguments: mode (get|order), folder with the prepared lists, and a
-- number that no other run has, so that no run repeats the idempotency keys of another.
local mode, folder, run
local tokens, products, targets, order_heads = {}, {}, {}, {}
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

-- What is the same in every request of a customer is put together once: the generator shares the cores.
local function heads(method_and_target, fields)
  local list = {}
  for i, token in ipairs(tokens) do
    list[i] = method_and_target .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer " .. token .. fields
  end
  return list
end

function init(args)
  mode, folder, run = args[1], args[2], args[3]
  math.randomseed(thread_number * 7919)
  tokens = lines("tokens")
  if mode == "order" then
    products = lines("products")
    order_heads = heads("POST /api/v1/orders", "\r\nContent-Type: application/json\r\nContent-Length: ")
  else
    targets = lines(mode)
  end
end

local function order()
  local first = math.random(#products)
  local second = (first + math.random(#products - 1) - 1) % #products + 1
  local body = '{"location":"bench","items":[{"productId":"' .. products[first] .. '","quantity":' .. math.random(3) ..
    '},{"productId":"' .. products[second] .. '","quantity":' .. math.random(3) .. '}]}'
  local key = counter % 2 == 0 and "\r\nIdempotency-Key: bench-" .. run .. "-" .. thread_number .. "-" .. counter or ""
  return order_heads[math.random(#order_heads)] .. #body .. key .. "\r\n\r\n" .. body
end

function request()
  counter = counter + 1
  if mode == "order" then return order() end
  return wrk.format("GET", targets[math.random(#targets)], {Authorization = "Bearer " .. tokens[math.random(#tokens)]})
end

-- Counting statuses in Lua costs the generator a tenth of its speed; wrk counts non-2xx itself.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
