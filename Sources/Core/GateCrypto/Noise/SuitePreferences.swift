/// The algorithms that a node takes, of each class the favourite first. No other is dialled or answered.
package struct SuitePreferences: Hashable, Sendable {
    package let kems: [NoiseKEM]
    package let ciphers: [NoiseCipher]
    package let hashes: [NoiseHash]

    /// Everything that this version speaks.
    package static let everything = SuitePreferences(
        kems: [.mlkem768, .mlkem1024], ciphers: [.aesGCM, .chaChaPoly], hashes: [.sha256, .sha512, .blake2b])

    /// Each class has one algorithm at least, and none twice.
    package init(kems: [NoiseKEM], ciphers: [NoiseCipher], hashes: [NoiseHash]) {
        precondition(
            SuitePreferences.isList(kems) && SuitePreferences.isList(ciphers) && SuitePreferences.isList(hashes),
            "a class of algorithms has one at least, and none twice")
        self.kems = kems
        self.ciphers = ciphers
        self.hashes = hashes
    }

    /// From names in settings; `nil` for an unknown name, an empty class, or one twice.
    package init?(kems: [String], ciphers: [String], hashes: [String]) {
        let found = (
            kems.compactMap { name in NoiseKEM.allCases.first { $0.settingName == name } },
            ciphers.compactMap { name in NoiseCipher.allCases.first { $0.settingName == name } },
            hashes.compactMap { name in NoiseHash.allCases.first { $0.settingName == name } }
        )
        guard found.0.count == kems.count, found.1.count == ciphers.count, found.2.count == hashes.count,
            SuitePreferences.isList(found.0), SuitePreferences.isList(found.1), SuitePreferences.isList(found.2)
        else { return nil }
        self.init(kems: found.0, ciphers: found.1, hashes: found.2)
    }

    /// One suite, with a KEM, and no other.
    package init(only suite: NoiseSuite) {
        guard let kem = suite.kem else { preconditionFailure("a peer's suite has a KEM") }
        self.init(kems: [kem], ciphers: [suite.cipher], hashes: [suite.hash])
    }

    /// What is dialled first.
    package var favourite: NoiseSuite { NoiseSuite(kem: kems[0], cipher: ciphers[0], hash: hashes[0]) }

    /// Every combination, the favourite first.
    package var suites: [NoiseSuite] {
        kems.flatMap { kem in
            ciphers.flatMap { cipher in hashes.map { NoiseSuite(kem: kem, cipher: cipher, hash: $0) } }
        }
    }

    /// The same as a set.
    package var offers: SuiteOffers {
        SuiteOffers(
            kems: kems.reduce(0) { $0 | UInt8(1) << $1.rawValue },
            ciphers: ciphers.reduce(0) { $0 | UInt8(1) << $1.rawValue },
            hashes: hashes.reduce(0) { $0 | UInt8(1) << $1.rawValue })
    }

    /// Whether all three parts of a suite are taken.
    package func takes(_ suite: NoiseSuite) -> Bool {
        suite.kem.map(kems.contains) == true && ciphers.contains(suite.cipher) && hashes.contains(suite.hash)
    }

    /// What a responder chooses for an initiator that began with `favourite` (numbers of KEM, cipher, hash) and takes
    /// `offers`: of each class the initiator's favourite where it is taken here, else the first of ours that is offered.
    /// `nil` where a class has none in common.
    package func answer(to favourite: [UInt8], offering offers: SuiteOffers) -> NoiseSuite? {
        guard favourite.count == 3,
            let kem = SuitePreferences.choose(kems, favourite[0], offers.kems),
            let cipher = SuitePreferences.choose(ciphers, favourite[1], offers.ciphers),
            let hash = SuitePreferences.choose(hashes, favourite[2], offers.hashes)
        else { return nil }
        return NoiseSuite(kem: kem, cipher: cipher, hash: hash)
    }

    /// What is dialled where a record says what its node takes, and there is no second try: the first of ours that it
    /// has; `nil` where it has none.
    package func first(of record: NodeRecord) -> NoiseSuite? { suites.first(where: record.suites.contains) }

    private static func choose<Algorithm: RawRepresentable<UInt8>>(
        _ taken: [Algorithm], _ favourite: UInt8, _ offers: UInt8
    ) -> Algorithm? {
        let common = taken.filter { offers & UInt8(1) << $0.rawValue != 0 }
        return common.first { $0.rawValue == favourite } ?? common.first
    }

    private static func isList<Algorithm: Hashable>(_ algorithms: [Algorithm]) -> Bool {
        !algorithms.isEmpty && Set(algorithms).count == algorithms.count
    }
}
