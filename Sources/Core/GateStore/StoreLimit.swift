/// Bounds of everything that a store accepts. Checked before anything is written, and again by whoever decodes.
package enum StoreLimit {
    /// Most rows that one listing returns; ask again with `after`.
    package static let pageRows = 500
    /// Most elements of one batch write.
    package static let batchRows = 1000
    /// Bytes of a setting's value.
    package static let settingBytes = 4096
    /// Versions of a setting that are kept.
    package static let settingHistoryRows = 100
    /// Endpoints of a peer.
    package static let peerEndpoints = 8
    /// Bytes of a peer's signed record.
    package static let peerRecordBytes = 16_384
    /// Bytes of a bundle's hash.
    package static let bundleHashBytes = 32
    /// Bytes of a person's note.
    package static let noteBytes = 256
    /// Bytes of a worker's or link's name.
    package static let nameBytes = 128
    /// Bytes of an address in text form.
    package static let addressBytes = 300
    /// Workers that may be registered at once.
    package static let workers = 1024
    /// Bytes of a session's resumption secret, sealed.
    package static let sessionSecretBytes = 128
    /// How long a session's row is kept after its worker ended or died, so that its peer may go on elsewhere.
    package static let sessionAfterlife = Duration.seconds(3600)
    /// Names of workers that joined and are gone whose ids are kept; the oldest are forgotten.
    package static let joinedWorkerNames = 4096
    /// Refusals that are kept; older ones are forgotten.
    package static let refusals = 1000
    /// Bytes of a refusal's reason.
    package static let reasonBytes = 200
    /// Address rules.
    package static let addressRules = 10_000
    /// Reputations that are remembered.
    package static let reputations = 100_000
    /// Bans given by operators that hold at once, and as many earned by faults.
    package static let bans = 10_000
    /// Extender UUIDs of one link name.
    package static let rightsExtenders = 64
    /// Setting prefixes that one link name may read.
    package static let rightsPrefixes = 32
    /// Bytes of a key of extender data.
    package static let dataKeyBytes = 512
    /// Bytes of a value of extender data.
    package static let dataValueBytes = 262_144
    /// Keys of one transaction over extender data.
    package static let dataTransactionKeys = 128
    /// Bytes of all keys and values of one transaction, and of one listing's answer.
    package static let dataTransactionBytes = 524_288
    /// Bytes of keys and values that an extender may store unless its quota says otherwise.
    package static let dataQuotaBytes: Int64 = 67_108_864
    /// Keys that an extender may store unless its quota says otherwise.
    package static let dataQuotaKeys: Int64 = 100_000
    /// Bytes of a sealed vault row.
    package static let vaultRowBytes = 65_536
    /// Changes that a watcher may lag behind before it is told to read everything again.
    package static let watchedChanges = 256
    /// Rows of the change log that are kept for those who follow it.
    package static let changeLogRows = 10_000
}

/// Throws what rule a name of a worker or link breaks: 1 to 128 bytes of letters, digits, `-`, `_`, `.`, `/`.
package func checkName(_ name: String) throws(StoreFailure) {
    guard !name.isEmpty, name.utf8.count <= StoreLimit.nameBytes, name.utf8.allSatisfy(isNameCharacter) else {
        throw .invalid("a name has 1 to \(StoreLimit.nameBytes) letters, digits, '-', '_', '.', '/'")
    }
}

/// Throws if a text is longer than its field allows.
package func checkLength(_ text: String, of field: String, atMost limit: Int) throws(StoreFailure) {
    guard text.utf8.count <= limit else { throw .invalid("\(field) has at most \(limit) bytes") }
}

/// Throws if a batch or a list is longer than allowed.
package func checkCount(_ count: Int, of field: String, atMost limit: Int) throws(StoreFailure) {
    guard count <= limit else { throw .invalid("\(field): at most \(limit)") }
}

private func isNameCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "/"):
        true
    default: false
    }
}

/// How many rows a listing returns that was asked for `limit`: 1 to `StoreLimit.pageRows`.
package func pageLimit(_ limit: Int) -> Int { min(max(limit, 1), StoreLimit.pageRows) }
