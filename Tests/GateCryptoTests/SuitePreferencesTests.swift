import GateCrypto
import Testing

@Suite struct SuitePreferencesTests {
    private let few = SuitePreferences(
        kems: [.mlkem1024], ciphers: [.chaChaPoly, .aesGCM], hashes: [.blake2b, .sha512])

    @Test func `everything is twelve suites, the standard one first`() {
        let all = SuitePreferences.everything
        #expect(Set(all.suites).count == 12 && all.suites.first == .standard && all.favourite == .standard)
        #expect(all.offers.bytes == [6, 6, 14])
        #expect(all.suites.allSatisfy { all.takes($0) && all.offers.contains($0.numbers) })
    }

    @Test func `what is not in the lists is not taken`() {
        #expect(few.suites.count == 4 && few.suites.allSatisfy(few.takes))
        let others = Set(SuitePreferences.everything.suites).subtracting(few.suites)
        #expect(others.count == 8 && !others.contains(where: few.takes))
        #expect(!others.contains { few.offers.contains($0.numbers) })
    }

    @Test(
        arguments: [
            ([1, 1, 1], [6, 6, 14], [2, 1, 3]), ([2, 1, 2], [6, 6, 14], [2, 1, 2]),
            ([1, 1, 1], [4, 2, 6], [2, 1, 2]),
            ([7, 7, 7], [6, 6, 14], [2, 2, 3]), ([1, 1, 1], [0xff, 0xff, 0xff], [2, 1, 3]),
            ([2, 1, 2], [4, 4, 8], [2, 2, 3]),  // what was begun with is not offered
            ([1, 1, 1], [2, 6, 14], nil), ([1, 1, 1], [6, 0, 14], nil), ([1, 1, 1], [6, 6, 2], nil),
            ([1, 1], [6, 6, 14], nil),
        ] as [([UInt8], [UInt8], [UInt8]?)])
    func `a responder keeps of each class what was begun with, else takes its own first`(
        _ favourite: [UInt8], _ offers: [UInt8], _ expected: [UInt8]?
    ) {
        #expect(few.answer(to: favourite, offering: SuiteOffers(offers))?.numbers == expected)
    }

    @Test func `lists are read by names, each once`() {
        let read = SuitePreferences(
            kems: ["ml-kem-1024"], ciphers: ["chacha20-poly1305", "aes-256-gcm"], hashes: ["blake2b", "sha-512"])
        #expect(read == few)
        #expect(SuitePreferences(kems: [], ciphers: ["aes-256-gcm"], hashes: ["sha-256"]) == nil)
        #expect(SuitePreferences(kems: ["kyber"], ciphers: ["aes-256-gcm"], hashes: ["sha-256"]) == nil)
        let twice = ["sha-256", "sha-256"]
        #expect(SuitePreferences(kems: ["ml-kem-768"], ciphers: ["aes-256-gcm"], hashes: twice) == nil)
    }

    @Test func `what two sets lack in each other is named, in few bytes whatever somebody sent`() {
        let words = few.offers.unlike(SuiteOffers([2, 6, 2]))
        #expect(words?.own == "ml-kem-1024; sha-512 or blake2b" && words?.other == "ml-kem-768; sha-256")
        #expect(few.offers.unlike(few.offers) == nil)
        #expect(few.offers.unlike(SuiteOffers([0, 0x80, 0]))?.other == "none known; none known; none known")
        for bits in 0...UInt8.max {
            let other = SuiteOffers([bits, bits, bits])
            let words = SuitePreferences.everything.offers.unlike(other)
            #expect((words?.own.utf8.count ?? 0) <= 90 && (words?.other.utf8.count ?? 0) <= 90)
        }
    }
}
