extension IPAddress: CustomStringConvertible {
    /// Reads a literal address: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`. No zone, no brackets, no short IPv4 forms.
    public init?(text: some StringProtocol) {
        if let v4 = ipv4(text) {
            self = .v4(v4)
            return
        }
        guard let groups = ipv6(text) else { return nil }
        let words = [groups[0..<4], groups[4..<8]].map { $0.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
        self = .v6(words[0], words[1])
    }

    /// The address as RFC 5952 writes it.
    public var description: String {
        switch self {
        case .v4: bytes.map(String.init).joined(separator: ".")
        case .v6(let high, let low):
            ipv6Text(
                [high, low].flatMap { word in (0..<4).map { UInt16(truncatingIfNeeded: word >> (48 - 16 * $0)) } })
        }
    }
}

extension Endpoint {
    /// The host as an address, where it is one and no name.
    package var literalAddress: IPAddress? { IPAddress(text: host) }
}

private func ipv4(_ text: some StringProtocol) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
        guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let byte = UInt8(part), part.utf8.count == 1 || part.first != "0"
        else { return nil }
        value = value << 8 | UInt32(byte)
    }
    return value
}

private func ipv6(_ text: some StringProtocol) -> [UInt16]? {
    guard text.utf8.count <= 45 else { return nil }
    let halves = String(text).split(separator: "::", omittingEmptySubsequences: false)
    guard (1...2).contains(halves.count), let head = ipv6Groups(halves[0]) else { return nil }
    guard halves.count == 2 else { return head.count == 8 ? head : nil }
    guard let tail = ipv6Groups(halves[1]), head.count + tail.count < 8 else { return nil }
    return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
}

private func ipv6Groups(_ text: some StringProtocol) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
        if index == parts.count - 1, let v4 = ipv4(part) {
            groups += [UInt16(v4 >> 16), UInt16(truncatingIfNeeded: v4)]
        } else {
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexadecimal),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
    }
    return groups.count <= 8 ? groups : nil
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
}

private func ipv6Text(_ groups: [UInt16]) -> String {
    var zeros = 0..<0
    var start = 0
    while start < 8 {
        var end = start
        while end < 8, groups[end] == 0 { end += 1 }
        if end - start > max(1, zeros.count) { zeros = start..<end }
        start = max(end, start + 1)
    }
    let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
    return zeros.isEmpty
        ? text(groups[...]) : text(groups[..<zeros.lowerBound]) + "::" + text(groups[zeros.upperBound...])
}
