import GateAccess
import GateModel
import GateStore

// A row's bytes in an archive. Integers have eight bytes, byte strings and texts a length of four before them, what may
// be missing one byte (0 or 1) before it; all big-endian.
//
// | kind | fields in order |
// | --- | --- |
// | 1 epoch | generation, counter |
// | 2 setting | key, version, value?, changed at, changed by |
// | 3 peer | UUID (16 bytes), bundle hash?, endpoints (one a line), access, is relay, features, record, first seen?, last seen?, note |
// | 4 address rule | prefix, length, is allowed |
// | 5 worker name | id, name |
// | 6 rights | name, extenders (16 bytes each), setting prefixes (one a line), may connect, is revoked |
// | 7 data space | extender (16 bytes), last version, most bytes, most keys |
// | 8 data entry | extender (16 bytes), key, value, version |
// | 9 vault | name, sealed |
// | 10 reputation | subject, score, counted at, forgiven at |
// | 11 ban | subject, since, until?, reason, author, is earned |

extension PortableRow {
    /// What stands before the row's bytes.
    var kind: UInt8 {
        switch self {
        case .epoch: 1
        case .setting: 2
        case .peer: 3
        case .addressRule: 4
        case .workerName: 5
        case .rights: 6
        case .dataSpace: 7
        case .dataEntry: 8
        case .vault: 9
        case .reputation: 10
        case .ban: 11
        }
    }

    /// The row's bytes.
    var encoded: [UInt8] {
        var writer = FieldWriter()
        switch self {
        case .epoch(let generation, let counter):
            writer.integer(generation)
            writer.integer(counter)
        case .setting(let row):
            writer.text(row.key)
            writer.integer(row.version)
            writer.optional(row.value) { $0.text($1) }
            writer.integer(row.changedAt.seconds)
            writer.text(row.changedBy)
        case .peer(let row): row.write(to: &writer)
        case .addressRule(let rule):
            writer.bytes(rule.prefix.bytes)
            writer.integer(Int64(rule.length))
            writer.flag(rule.isAllowed)
        case .workerName(let id, let name):
            writer.integer(Int64(bitPattern: id))
            writer.text(name)
        case .rights(let row):
            writer.text(row.name)
            writer.bytes(row.extenders.sorted().flatMap(\.value.bytes))
            writer.text(row.settingPrefixes.sorted().joined(separator: "\n"))
            writer.flag(row.mayConnect)
            writer.flag(row.isRevoked)
        case .dataSpace(let extender, let lastVersion, let bytesMaximum, let keysMaximum):
            writer.uuid(extender.value)
            for number in [lastVersion, bytesMaximum, keysMaximum] { writer.integer(number) }
        case .dataEntry(let extender, let entry):
            writer.uuid(extender.value)
            writer.bytes(entry.key)
            writer.bytes(entry.value)
            writer.integer(entry.version)
        case .vault(let name, let sealed):
            writer.text(name)
            writer.bytes(sealed)
        case .reputation(let subject, let reputation, let forgivenAt):
            writer.text(subject.description)
            writer.integer(Int64(reputation.storedScore))
            writer.integer(reputation.countedAt.seconds)
            writer.integer(forgivenAt.seconds)
        case .ban(let ban):
            writer.text(ban.subject.description)
            writer.integer(ban.since.seconds)
            writer.optional(ban.until) { $0.integer($1.seconds) }
            writer.text(ban.reason)
            writer.text(ban.author)
            writer.flag(ban.isEarned)
        }
        return writer.written
    }

    /// Reads a row; throws `.damaged` where it is none.
    init(kind: UInt8, _ bytes: [UInt8]) throws(StoreFailure) {
        var reader = FieldReader(bytes)
        switch kind {
        case 1: self = .epoch(generation: try reader.integer(), counter: try reader.integer())
        case 2:
            let (key, version) = (try reader.text(), try reader.integer())
            let value = try reader.optional { reader throws(StoreFailure) in try reader.text() }
            self = .setting(
                SettingRow(
                    key: key, value: value, version: version, changedAt: UnixTime(seconds: try reader.integer()),
                    changedBy: try reader.text()))
        case 3: self = .peer(try PeerRow(&reader))
        case 4:
            guard let prefix = IPAddress(bytes: try reader.bytes()),
                let rule = AddressRule(
                    prefix: prefix, length: Int(clamping: try reader.integer()), isAllowed: try reader.flag())
            else { throw FieldReader.damaged }
            self = .addressRule(rule)
        case 5: self = .workerName(id: UInt64(bitPattern: try reader.integer()), name: try reader.text())
        case 6: self = .rights(try RightsRow(&reader))
        case 7:
            self = .dataSpace(
                ExtenderID(try reader.uuid()), lastVersion: try reader.integer(), bytesMaximum: try reader.integer(),
                keysMaximum: try reader.integer())
        case 8:
            let extender = ExtenderID(try reader.uuid())
            self = .dataEntry(
                extender, DataEntry(key: try reader.bytes(), value: try reader.bytes(), version: try reader.integer()))
        case 9: self = .vault(name: try reader.text(), sealed: try reader.bytes())
        case 10:
            let subject = try reader.subject()
            let score = Int(clamping: try reader.integer())
            let reputation = Reputation(storedScore: score, countedAt: UnixTime(seconds: try reader.integer()))
            self = .reputation(subject, reputation, forgivenAt: UnixTime(seconds: try reader.integer()))
        case 11: self = .ban(try BanRow(&reader))
        default: throw .damaged("a row of another version's kind")
        }
        guard reader.isAtEnd else { throw FieldReader.damaged }
    }
}

extension PeerRow {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.uuid(node.value)
        writer.optional(bundleHash) { $0.bytes($1) }
        writer.text(endpoints.map(\.description).joined(separator: "\n"))
        writer.integer(Int64(access.rawValue))
        writer.flag(isRelay)
        writer.integer(Int64(bitPattern: features))
        writer.bytes(record)
        writer.optional(firstSeen) { $0.integer($1.seconds) }
        writer.optional(lastSeen) { $0.integer($1.seconds) }
        writer.text(note)
    }

    fileprivate init(_ reader: inout FieldReader) throws(StoreFailure) {
        self.init(node: NodeUUID(try reader.uuid()))
        bundleHash = try reader.optional { reader throws(StoreFailure) in try reader.bytes() }
        endpoints = try reader.text().split(separator: "\n").compactMap { Endpoint(text: $0) }
        guard let access = PeerAccess(rawValue: UInt8(clamping: try reader.integer())) else {
            throw FieldReader.damaged
        }
        self.access = access
        isRelay = try reader.flag()
        features = UInt64(bitPattern: try reader.integer())
        record = try reader.bytes()
        let moment = { (reader: inout FieldReader) throws(StoreFailure) in UnixTime(seconds: try reader.integer()) }
        firstSeen = try reader.optional(moment)
        lastSeen = try reader.optional(moment)
        note = try reader.text()
    }
}

extension BanRow {
    fileprivate init(_ reader: inout FieldReader) throws(StoreFailure) {
        let (subject, since) = (try reader.subject(), UnixTime(seconds: try reader.integer()))
        let until = try reader.optional { reader throws(StoreFailure) in UnixTime(seconds: try reader.integer()) }
        self.init(
            subject: subject, since: since, until: until, reason: try reader.text(), author: try reader.text(),
            isEarned: try reader.flag())
    }
}

extension RightsRow {
    fileprivate init(_ reader: inout FieldReader) throws(StoreFailure) {
        let name = try reader.text()
        let bytes = try reader.bytes()
        guard bytes.count % 16 == 0 else { throw FieldReader.damaged }
        let extenders = stride(from: 0, to: bytes.count, by: 16).compactMap { start in
            UUIDBytes(bytes: bytes[start..<start + 16]).map(ExtenderID.init)
        }
        let prefixes = try reader.text().split(separator: "\n").map(String.init)
        self.init(
            name: name, extenders: Set(extenders), settingPrefixes: Set(prefixes), mayConnect: try reader.flag(),
            isRevoked: try reader.flag())
    }
}

/// Writes the fields of a row.
private struct FieldWriter {
    private(set) var written: [UInt8] = []

    mutating func integer(_ value: Int64) {
        withUnsafeBytes(of: value.bigEndian) { written.append(contentsOf: $0) }
    }

    mutating func flag(_ value: Bool) { written.append(value ? 1 : 0) }

    mutating func bytes(_ value: [UInt8]) {
        withUnsafeBytes(of: UInt32(clamping: value.count).bigEndian) { written.append(contentsOf: $0) }
        written += value
    }

    mutating func text(_ value: String) { bytes(Array(value.utf8)) }

    mutating func uuid(_ value: UUIDBytes) { written += value.bytes }

    mutating func optional<Value>(_ value: Value?, _ write: (inout FieldWriter, Value) -> Void) {
        flag(value != nil)
        if let value { write(&self, value) }
    }
}

/// Reads the fields of a row; every read takes the next.
private struct FieldReader {
    private let content: [UInt8]
    private var index = 0

    static let damaged = StoreFailure.damaged("a row of the file is none")

    init(_ content: [UInt8]) { self.content = content }

    var isAtEnd: Bool { index == content.count }

    mutating func integer() throws(StoreFailure) -> Int64 {
        Int64(bitPattern: try take(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    mutating func flag() throws(StoreFailure) -> Bool {
        switch try take(1).first {
        case 0: return false
        case 1: return true
        default: throw FieldReader.damaged
        }
    }

    mutating func bytes() throws(StoreFailure) -> [UInt8] {
        let count = try take(4).reduce(0) { $0 << 8 | Int($1) }
        return Array(try take(count))
    }

    mutating func text() throws(StoreFailure) -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else { throw FieldReader.damaged }
        return text
    }

    mutating func subject() throws(StoreFailure) -> AccessSubject {
        guard let subject = AccessSubject(text: try text()) else { throw FieldReader.damaged }
        return subject
    }

    mutating func uuid() throws(StoreFailure) -> UUIDBytes {
        guard let uuid = UUIDBytes(bytes: try take(16)) else { throw FieldReader.damaged }
        return uuid
    }

    mutating func optional<Value>(
        _ read: (inout FieldReader) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value? {
        try flag() ? try read(&self) : nil
    }

    private mutating func take(_ count: Int) throws(StoreFailure) -> ArraySlice<UInt8> {
        guard content.count - index >= count else { throw FieldReader.damaged }
        defer { index += count }
        return content[index..<index + count]
    }
}
