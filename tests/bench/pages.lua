-- Requests of wrk for the pages of bench.py: `-- view_item|search ITEMS`. A fixed sequence over many items and categories.
local servlet = "/rubis_servlets/servlet/edu.rice.rubis.servlets."
local kCategories, kPages = 20, 4096
local requests, at = {}, 0

function init(arguments)
  local page, items = arguments[1], tonumber(arguments[2])
  for i = 1, kPages do
    local target
    if page == "view_item" then
      target = servlet .. "ViewItem?itemId=" .. (1 + (i * 7919) % items)
    else
      target = servlet .. "SearchItemsByCategory?category=" .. (1 + i % kCategories) ..
        "&categoryName=x&page=0&nbOfItems=20"
    end
    requests[i] = wrk.format("GET", target)
  end
end

function request()
  at = at % kPages + 1
  return requests[at]
end
