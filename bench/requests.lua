-- The load that wrk sends: requests from a file, one behind the other, again and again.
-- arguments: FILE  (requests separated by a line with %%; FRESH in a request is a new word each time)

local SEPARATOR, FRESH = "\n%%%%\n", "@@@@FRESH@@@@"
local requests, next_request, drawn = {}, 0, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    local text = file:read("*a")
    file:close()
    math.randomseed(os.time())
    drawn = math.random(1, 9) * 1e11 + (os.time() % 1e6) * 1e5
    local from = 1
    while true do
        local first, last = text:find(SEPARATOR, from)
        requests[#requests + 1] = split(text:sub(from, (first or 0) - 1))
        if not first then break end
        from = last + 1
    end
end

-- Cut a request at the words that are new each time.
function split(request)
    local parts, from = {}, 1
    while true do
        local first, last = request:find(FRESH, from, true)
        parts[#parts + 1] = request:sub(from, (first or 0) - 1)
        if not first then return parts end
        from = last + 1
    end
end

function request()
    next_request = next_request % #requests + 1
    local parts = requests[next_request]
    if #parts == 1 then return parts[1] end
    drawn = drawn + 1
    return table.concat(parts, string.format("%013.0f", drawn))
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        "\nRESULT %d %d %f %f %d\n", summary.requests, summary.duration,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout
    ))
end
