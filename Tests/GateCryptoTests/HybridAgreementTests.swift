import GateCrypto
import Testing

@Suite struct HybridAgreements {
    let slab: SecretSlab

    init() throws { slab = try SecretSlab() }

    @Test(arguments: NoiseKEM.allCases) func `end with the same secret on both sides, another each time`(
        _ kem: NoiseKEM
    ) throws {
        var secrets: Set<[UInt8]> = []
        for _ in 0..<3 {
            let offer = try HybridOffer(kem, entropy: .system, in: slab)
            let answer = try HybridAnswer(
                to: offer.agreementKey, offer.encapsulationKey, kem, entropy: .system, in: slab)
            let secret = try offer.agree(with: answer.agreementKey, answer.ciphertext)

            let isEqual = secret.isEqual(to: answer.secret)
            #expect(isEqual)
            #expect(secret.count == 64)
            secrets.insert(secret.withUnsafeBytes { Array($0) })
        }
        #expect(secrets.count == 3)
    }

    @Test(arguments: NoiseKEM.allCases) func `take no key of small order, unreduced or of another length`(
        _ kem: NoiseKEM
    ) throws {
        let offer = try HybridOffer(kem, entropy: .system, in: slab)
        let answer = try HybridAnswer(to: offer.agreementKey, offer.encapsulationKey, kem, entropy: .system, in: slab)
        let zero = [UInt8](repeating: 0, count: 32)
        let unreduced = [0xff, 0xff, 0xff] + offer.encapsulationKey.dropFirst(3)
        let offers = [
            (zero, offer.encapsulationKey), (Array(offer.agreementKey.dropLast()), offer.encapsulationKey),
            ([], offer.encapsulationKey), (offer.agreementKey, unreduced),
            (offer.agreementKey, Array(offer.encapsulationKey.dropLast())), (offer.agreementKey, []),
        ]
        for (agreement, encapsulation) in offers {
            var failure: NoiseFailure?
            do throws(NoiseFailure) {
                _ = try HybridAnswer(to: agreement, encapsulation, kem, entropy: .system, in: slab)
            } catch { failure = error }
            #expect(failure == .badKey)
        }
        let answers = [
            (zero, answer.ciphertext), ([], answer.ciphertext), (answer.agreementKey, []),
            (answer.agreementKey, answer.ciphertext + [0]), (answer.agreementKey, Array(answer.ciphertext.dropLast())),
        ]
        for (agreement, ciphertext) in answers {
            var failure: NoiseFailure?
            do throws(NoiseFailure) { _ = try offer.agree(with: agreement, ciphertext) } catch { failure = error }
            #expect(failure == .badKey)
        }
    }

    @Test func `a changed ciphertext gives another secret, and no failure that would tell why`() throws {
        let offer = try HybridOffer(.mlkem768, entropy: .system, in: slab)
        let answer = try HybridAnswer(
            to: offer.agreementKey, offer.encapsulationKey, .mlkem768, entropy: .system, in: slab)
        var ciphertext = answer.ciphertext
        ciphertext[700] ^= 1

        let secret = try offer.agree(with: answer.agreementKey, ciphertext)

        let (found, expected) = (
            secret.withUnsafeBytes { Array($0) }, answer.secret.withUnsafeBytes { Array($0) }
        )
        #expect(found[..<32] == expected[..<32])
        #expect(found[32...] != expected[32...])
    }
}
