-- wrk script: every request presents the next token of a file, and the run ends when there is none left,
-- so that a proxy never sees one token twice.
-- Usage: wrk … -s fresh.lua URL -- TOKENS PATH

local requests, index = {}, 0

-- All work is done before the first request: the load's CPU may be a sibling of the proxy's, and what is
-- spent there on text and garbage would be measured here.
function init(arguments)
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", arguments[2], { Authorization = "Bearer " .. token })
  end
  collectgarbage()
  collectgarbage("stop")
end

function request()
  index = index + 1
  if index >= #requests then
    wrk.thread:stop()
  end
  return requests[math.min(index, #requests)]
end
