-- inside holds functions that show what lies in a field of bytes, by the field. They get the cursor and the range.
local inside = {}

-- A cursor reads fields from one region of the packet, most significant bit first, and shows each in the tree. Positions
-- are in bits from the start of tvb. What doesn't fit is thrown as a table {malformed = why}.
local cursor = {}
cursor.__index = cursor

local function new_cursor(tvb, tree)
  return setmetatable({tvb = tvb, pos = 0, stop = 8 * tvb:len(), tree = tree}, cursor)
end

local function malformed(why)
  error({malformed = why}, 0)
end

-- range is the part of tvb that holds the bits from the given one up to the cursor.
function cursor:range(from)
  local first = math.floor(from / 8)
  return self.tvb(first, math.ceil(self.pos / 8) - first)
end

function cursor:left()
  return self.stop - self.pos
end

-- need throws unless that many bits are left.
function cursor:need(bits, name)
  if bits < 0 or self:left() < bits then
    malformed(name .. " does not fit")
  end
end

-- bits takes up to 64 bits: a number, or from 33 bits on a UInt64.
function cursor:bits(n)
  local first = math.floor(self.pos / 8)
  local v = self.tvb(first, math.ceil((self.pos + n) / 8) - first):bitfield(self.pos % 8, n)
  self.pos = self.pos + n
  return v
end

-- small makes a number of what bits gave. Beyond 2^53 it is not exact; no length or selector is that large.
local function small(v)
  if type(v) == "number" then
    return v
  end
  return v:tonumber()
end

-- number shows an integer of n bits.
function cursor:number(field, name, n)
  self:need(n, name)
  local from = self.pos
  local v = self:bits(n)
  self.tree:add(field, self:range(from), v)
  return small(v)
end

-- low shows an integer of n bits that takes the lowest bits of each byte first.
function cursor:low(field, name, n)
  self:need(n, name)
  local from, v, unit = self.pos, UInt64(0), UInt64(1)
  for _ = 1, n do
    local byte = self.tvb(math.floor(self.pos / 8), 1):uint()
    v = v + unit * UInt64(math.floor(byte / 2 ^ (self.pos % 8)) % 2)
    unit = unit * UInt64(2)
    self.pos = self.pos + 1
  end
  if n <= 32 then
    v = v:tonumber()
  end
  self.tree:add(field, self:range(from), v)
  return small(v)
end

-- little shows a little-endian integer of n bytes.
function cursor:little(field, name, n)
  self:need(8 * n, name)
  local from = self.pos
  self.pos = self.pos + 8 * n
  local range = self:range(from)
  self.tree:add_le(field, range)
  return small(range:le_uint64())
end

-- varint shows an integer as RFC 9000 section 16 writes it.
function cursor:varint(field, name)
  self:need(8, name)
  local from = self.pos
  local size = 2 ^ self:bits(2)
  self.pos = from
  self:need(8 * size, name)
  self:bits(2)
  local v = self:bits(8 * size - 2)
  if size < 8 then
    v = UInt64(v)
  end
  self.tree:add(field, self:range(from), v)
  return small(v)
end

-- leb128 shows an integer of 7 bits a byte, the lowest first.
function cursor:leb128(field, name)
  local from, v, unit, byte = self.pos, UInt64(0), UInt64(1), nil
  repeat
    self:need(8, name)
    byte = self:bits(8)
    v = v + UInt64(byte % 128) * unit
    unit = unit * UInt64(128)
  until byte < 128
  self.tree:add(field, self:range(from), v)
  return small(v)
end

-- bytes shows n bytes.
function cursor:bytes(field, name, n)
  self:need(8 * n, name)
  local from = self.pos
  self.pos = self.pos + 8 * n
  if n > 0 then
    self.tree:add(field, self:range(from))
    if inside[field] then
      inside[field](self, self:range(from))
    end
  end
end

-- within runs body on the next n bytes alone; and throws if it leaves some.
function cursor:within(name, n, body)
  self:need(8 * n, name)
  local stop = self.stop
  self.stop = self.pos + 8 * n
  body(self)
  self:done(name)
  self.stop = stop
end

-- done throws if the region is not used up.
function cursor:done(name)
  if self.pos ~= self.stop then
    malformed("bytes left over in " .. name)
  end
end

-- ends lets the region end at a bit that a length in it says.
function cursor:ends(name, stop)
  if stop < self.pos or stop > self.stop then
    malformed(name .. " is no possible length")
  end
  self.stop = stop
end

-- under runs body with a subtree of the tree, and with what else it is given, and returns what it does.
function cursor:under(field, body, given)
  local from, tree = self.pos, self.tree
  local item = tree:add(field, self.tvb(math.floor(from / 8), 0))
  self.tree = item
  local v = body(self, given)
  if self.pos > from then
    item:set_len(math.ceil(self.pos / 8) - math.floor(from / 8))
  end
  self.tree = tree
  return v
end

-- pad skips to the next multiple of n bytes, counted from the bit where the struct began.
function cursor:pad(start, n)
  local used = (self.pos - start) / 8
  local zeros = (n - used % n) % n
  self:need(8 * zeros, "padding")
  self.pos = self.pos + 8 * zeros
end
