-- What the types don't say: the payload of a packet is segments. In a DATA packet it is sealed; the preference "keys" names a
-- file of traffic secrets, one a line, each for the packets to one connection ID, both in hex:
--
--   SECRET 1122334455667788 00112233...
--
-- Wireshark's Lua has no ciphers, so HKDF and AES-256 in counter mode stand here. The tag isn't checked: who has the secrets
-- wants to see what is there. Packet numbers above 2^32 and keys after the first update of a connection aren't followed.

protocol.prefs.keys = Pref.string("Keys", "", "file of traffic secrets: SECRET connection-id secret")

local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local shl, shr, ror = bit.lshift, bit.rshift, bit.ror
local unpack = table.unpack or unpack

-- be writes a number of 32 bits.
local function be(n)
  return string.char(band(shr(n, 24), 255), band(shr(n, 16), 255), band(shr(n, 8), 255), band(n, 255))
end

-- word reads one.
local function word(s, i)
  local a, b, c, d = s:byte(i, i + 3)
  return bor(shl(a, 24), shl(b, 16), shl(c, 8), d)
end

-- The constants of SHA-256 are the first bits of the fractions of roots of primes.
local round, start = {}, {}
do
  local function fraction(x)
    local n = math.floor((x - math.floor(x)) * 2 ^ 32)
    return bit.tobit(n)
  end
  local n = 2
  while #round < 64 do
    local prime = true
    for d = 2, math.floor(math.sqrt(n)) do
      prime = prime and n % d ~= 0
    end
    if prime then
      table.insert(round, fraction(n ^ (1 / 3)))
      if #start < 8 then
        table.insert(start, fraction(math.sqrt(n)))
      end
    end
    n = n + 1
  end
end

local function sha256(s)
  local length = #s
  s = s .. "\128" .. string.rep("\0", (55 - length) % 64) .. "\0\0\0\0" .. be(8 * length)
  local h = {unpack(start)}
  for block = 1, #s, 64 do
    local w = {}
    for i = 1, 16 do
      w[i] = word(s, block + 4 * (i - 1))
    end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local a = bxor(ror(x, 7), ror(x, 18), shr(x, 3))
      local b = bxor(ror(y, 17), ror(y, 19), shr(y, 10))
      w[i] = bit.tobit(w[i - 16] + a + w[i - 7] + b)
    end
    local a, b, c, d, e, f, g, z = unpack(h)
    for i = 1, 64 do
      local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
      local t1 = bit.tobit(z + s1 + bxor(band(e, f), band(bnot(e), g)) + round[i] + w[i])
      local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
      local t2 = bit.tobit(s0 + bxor(band(a, b), band(a, c), band(b, c)))
      a, b, c, d, e, f, g, z = bit.tobit(t1 + t2), a, b, c, bit.tobit(d + t1), e, f, g
    end
    for i, x in ipairs({a, b, c, d, e, f, g, z}) do
      h[i] = bit.tobit(h[i] + x)
    end
  end
  local out = {}
  for i = 1, 8 do
    out[i] = be(h[i])
  end
  return table.concat(out)
end

local function hmac(key, s)
  key = key .. string.rep("\0", 64 - #key)
  local inner, outer = {}, {}
  for i = 1, 64 do
    inner[i] = string.char(bxor(key:byte(i), 0x36))
    outer[i] = string.char(bxor(key:byte(i), 0x5c))
  end
  return sha256(table.concat(outer) .. sha256(table.concat(inner) .. s))
end

-- expand is HKDF-Expand with a PacketKeyInfo, for up to 32 bytes.
local function expand(secret, label, size)
  return hmac(secret, label .. "\0" .. string.char(0, size) .. "\1"):sub(1, size)
end

-- sbox is that of AES: inverses in GF(2^8), then an affine map.
local sbox = {}
local function double(x)
  x = 2 * x
  return x > 255 and bxor(x, 0x11b) or x
end
do
  local p, q = 1, 1
  repeat
    p = bxor(p, double(p)) -- times 3
    q = bxor(q, 2 * q)
    q = bxor(q, 4 * q)
    q = band(bxor(q, 16 * q), 255) -- divided by 3
    if q >= 128 then
      q = bxor(q, 9)
    end
    local x = q
    for i = 1, 4 do
      x = bxor(x, band(bor(shl(q, i), shr(q, 8 - i)), 255))
    end
    sbox[p] = bxor(x, 0x63)
  until p == 1
  sbox[0] = 0x63
end

-- schedule makes the 240 bytes of round keys of AES-256.
local function schedule(key)
  local k, constant = {key:byte(1, 32)}, 1
  for i = 32, 236, 4 do
    local a, b, c, d = k[i - 3], k[i - 2], k[i - 1], k[i]
    if i % 32 == 0 then
      a, b, c, d = bxor(sbox[b], constant), sbox[c], sbox[d], sbox[a]
      constant = double(constant)
    elseif i % 32 == 16 then
      a, b, c, d = sbox[a], sbox[b], sbox[c], sbox[d]
    end
    k[i + 1], k[i + 2], k[i + 3], k[i + 4] = bxor(k[i - 31], a), bxor(k[i - 30], b), bxor(k[i - 29], c), bxor(k[i - 28], d)
  end
  return k
end

-- encrypt encrypts one block, a table of 16 bytes.
local function encrypt(k, block)
  local s = {}
  for i = 1, 16 do
    s[i] = bxor(block[i], k[i])
  end
  for r = 1, 14 do
    local t = {}
    for i = 0, 15 do
      t[i + 1] = sbox[s[(i + 4 * (i % 4)) % 16 + 1]]
    end
    if r < 14 then
      for i = 1, 13, 4 do
        local a, b, c, d = t[i], t[i + 1], t[i + 2], t[i + 3]
        local all = bxor(a, b, c, d)
        t[i] = bxor(a, all, double(bxor(a, b)))
        t[i + 1] = bxor(b, all, double(bxor(b, c)))
        t[i + 2] = bxor(c, all, double(bxor(c, d)))
        t[i + 3] = bxor(d, all, double(bxor(d, a)))
      end
    end
    for i = 1, 16 do
      s[i] = bxor(t[i], k[16 * r + i])
    end
  end
  return s
end

-- open decrypts what GCM has sealed, without its tag.
local function open(k, nonce, sealed)
  local out = {}
  local block = {nonce:byte(1, 12)}
  for i = 0, math.ceil(#sealed / 16) - 1 do
    local n = i + 2
    block[13], block[14], block[15], block[16] = 0, math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256
    local stream = encrypt(k, block)
    for j = 1, math.min(16, #sealed - 16 * i) do
      out[16 * i + j] = string.char(bxor(sealed:byte(16 * i + j), stream[j]))
    end
  end
  return table.concat(out)
end

local function unhex(s)
  return (s:gsub("%x%x", function(x)
    return string.char(tonumber(x, 16))
  end))
end

local function tohex(s)
  return (s:gsub(".", function(c)
    return string.format("%02x", c:byte())
  end))
end

-- secrets reads the file of keys once.
local secrets_file, secrets
local function secret_for(id)
  if secrets_file ~= protocol.prefs.keys then
    secrets_file, secrets = protocol.prefs.keys, {}
    local file = io.open(secrets_file, "r")
    if file then
      for line in file:lines() do
        local to, secret = line:match("^SECRET%s+(%x+)%s+(%x+)")
        if to and #to == 16 and #secret == 64 then
          secrets[to:lower()] = {secret = unhex(secret)}
        end
      end
      file:close()
    end
  end
  return secrets[id]
end

-- phase_key is the key and the IV of a secret in one of the first two phases.
local function phase_key(entry, phase)
  if not entry[phase] then
    local secret = entry.secret
    if phase == 1 then
      secret = expand(secret, "sotto/1 packet next", 32)
    end
    entry[phase] = {key = schedule(expand(secret, "sotto/1 packet key", 32)), iv = expand(secret, "sotto/1 packet iv", 12)}
  end
  return entry[phase]
end

local function segments(tvb, tree)
  local c = new_cursor(tvb, tree)
  while c:left() > 0 do
    c:under(f["segment"], structs.Segment)
  end
end

inside[f["packet.payload"]] = function(c, range)
  local first = c.tvb(0, 1):uint()
  local kind, phase = math.floor(first / 4) % 8, math.floor(first / 2) % 2
  if kind < 3 then
    segments(range:tvb(), c.tree)
    return
  end
  local entry = kind == 3 and secret_for(tohex(c.tvb(1, 8):raw()))
  if not entry then
    return
  end
  local k = phase_key(entry, phase)
  local number = string.rep("\0", 8) .. c.tvb(9, 4):raw()
  local nonce = {}
  for i = 1, 12 do
    nonce[i] = string.char(bxor(k.iv:byte(i), number:byte(i)))
  end
  local clear = open(k.key, table.concat(nonce), range:raw())
  segments(ByteArray.new(tohex(clear)):tvb("Opened payload"), c.tree)
end
