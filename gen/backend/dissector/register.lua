local all = {}
for _, field in pairs(f) do
  table.insert(all, field)
end
protocol.fields = all
local trouble = ProtoExpert.new(protocol.name .. ".malformed", "malformed", expert.group.MALFORMED, expert.severity.ERROR)
protocol.experts = {trouble}
protocol.prefs.ports = Pref.string("Ports", default_ports, "UDP ports and the struct that a datagram is: port:struct, ...")

-- roots holds the struct of each port.
local roots = {}

function protocol.dissector(tvb, pinfo, tree)
  local root = roots[pinfo.match_uint] or roots[pinfo.dst_port] or roots[pinfo.src_port]
  if not root then
    return 0
  end
  pinfo.cols.protocol = protocol.name
  local item = tree:add(protocol, tvb())
  local c = new_cursor(tvb, item)
  local ok, why = pcall(function()
    c:under(f[root:lower()], structs[root])
    if c:left() > 0 then
      malformed(c:left() / 8 .. " bytes left over")
    end
  end)
  if not ok then
    if type(why) ~= "table" or not why.malformed then
      error(why, 0)
    end
    item:add_proto_expert_info(trouble, why.malformed)
  end
  return tvb:len()
end

local function listen()
  local udp = DissectorTable.get("udp.port")
  for port in pairs(roots) do
    udp:remove(port, protocol)
  end
  roots = {}
  for port, root in protocol.prefs.ports:gmatch("(%d+):([%w_]+)") do
    if structs[root] then
      roots[tonumber(port)] = root
      udp:add(tonumber(port), protocol)
    end
  end
end

protocol.prefs_changed = listen
listen()
