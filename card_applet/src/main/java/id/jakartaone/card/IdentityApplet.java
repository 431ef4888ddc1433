package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.RandomData;

/**
 * The identity: proves itself on a challenge, gives each relying party its own pseudonym and the
 * attributes that its row grants. There is no NIK here, and whoever has no row learns nothing, not
 * even whether another party has one.
 */
public final class IdentityApplet extends Application {
    private static final byte INS_OPEN = 0x30;
    private static final byte INS_READ_ATTRIBUTE = 0x32;
    private static final byte INS_PSEUDONYM = 0x34;

    // Block 1 of STORE DATA, 54 bytes.
    private static final short REFERENCE = 0;
    private static final short REFERENCE_SIZE = 16;
    private static final short OVER_18 = 16;
    private static final short REGION = 17;
    private static final short GROUP = 19; // and its expiry 2
    private static final short PHOTO = 22;
    private static final short PERSON_SIZE = 54;

    // Blocks 2 to 9: party 2, rights 1, authentication key 16, pseudonym key 16.
    private static final byte FIRST_ROW = 2;
    private static final short ROWS = 8;
    private static final short ROW_SIZE = 35;
    private static final short RIGHTS = 2;
    private static final short AUTHENTICATION_KEY = 3;
    private static final short PSEUDONYM_KEY = 19;

    private static final byte LAST_ATTRIBUTE = 4;
    private static final byte RIGHT_PSEUDONYM = (byte) 0x80;
    private static final byte HERE = 1; // what SELECT answers, and all it answers

    private static final short CHALLENGE_SIZE = 8;
    private static final short PARTY_SIZE = 2;
    private static final byte NO_ROW = 0; // in place of a block's number

    // Place of the party's block in session, behind the common part; block numbers are above NO_ROW.
    private static final short PARTY = OWN;
    private static final short CONTEXT = 4; // RC 8, RT 8, party 2
    private static final short CONTEXT_SIZE = 18;
    private static final short SESSION_SIZE = 19;
    private static final byte OPENED = 1;

    private static final short TRANSACTION = 56; // bytes changed by the largest, STORE DATA
    private static final short WORK_SIZE = 40;

    private final byte[] person;
    private final byte[] rows;
    private final byte[] work;
    private final RandomData random;

    private IdentityApplet() {
        super(
                SESSION_SIZE,
                TRANSACTION,
                new Personalisation((short) (1 + ROWS), (short) 1, false));
        person = new byte[PERSON_SIZE];
        rows = new byte[(short) (ROWS * ROW_SIZE)];
        work = JCSystem.makeTransientByteArray(WORK_SIZE, JCSystem.CLEAR_ON_DESELECT);
        random = RandomData.getInstance(RandomData.ALG_SECURE_RANDOM);
    }

    /** Installs an identity that is not issued; STORE DATA fills it. */
    public static void install(byte[] parameters, short at, byte size) {
        new IdentityApplet().register();
    }

    @Override
    boolean knows(byte ins) {
        return ins == INS_OPEN || ins == INS_READ_ATTRIBUTE || ins == INS_PSEUDONYM;
    }

    @Override
    boolean needsSelect(byte ins) {
        return true;
    }

    @Override
    short said(byte[] buffer) {
        buffer[DATA] = HERE;
        return 1;
    }

    @Override
    short answer(byte[] buffer, short size) {
        switch (buffer[INS]) {
            case INS_OPEN:
                return open(buffer, size);
            case INS_READ_ATTRIBUTE:
                return readAttribute(buffer, size);
            default:
                return tellPseudonym(buffer, size);
        }
    }

    @Override
    void store(byte[] buffer, short size) {
        byte block = buffer[P2];
        if (block < FIRST_ROW) {
            checkSize(size, PERSON_SIZE);
            personalisation.keep(buffer, person, (short) 0, size);
        } else {
            checkSize(size, ROW_SIZE);
            personalisation.keep(buffer, rows, rowAt(block), size);
        }
    }

    /**
     * Opens a session with a party; S1 proves the card to it. One that has no row is answered under
     * a key that nobody has, so that the answer looks the same.
     */
    private short open(byte[] buffer, short size) {
        checkNoParameters(buffer);
        checkSize(size, (short) (PARTY_SIZE + CHALLENGE_SIZE));
        byte block = blockOf(buffer);
        boolean stranger = block == NO_ROW;
        byte[] keys = stranger ? person : rows;
        short key = stranger ? REFERENCE : (short) (rowAt(block) + AUTHENTICATION_KEY);
        short rt = (short) (DATA + PARTY_SIZE);
        random.generateData(session, CONTEXT, CHALLENGE_SIZE);
        short end = (short) (CONTEXT + CHALLENGE_SIZE);
        end = Util.arrayCopyNonAtomic(buffer, rt, session, end, CHALLENGE_SIZE);
        Util.arrayCopyNonAtomic(buffer, DATA, session, end, PARTY_SIZE);
        mac.open(keys, key, Labels.IDENTITY_MAC, session, CONTEXT, CONTEXT_SIZE);
        work[0] = CARD_SAYS;
        end =
                Util.arrayCopyNonAtomic(
                        buffer, DATA, work, (short) 1, (short) (PARTY_SIZE + CHALLENGE_SIZE));
        end = Util.arrayCopyNonAtomic(session, CONTEXT, work, end, CHALLENGE_SIZE);
        short answer = Util.arrayCopyNonAtomic(session, CONTEXT, buffer, DATA, CHALLENGE_SIZE);
        mac.sessionMac(work, (short) 0, end, buffer, answer);
        session[PARTY] = block;
        session[OPEN] = OPENED;
        return (short) (CHALLENGE_SIZE + Mac.SIZE);
    }

    private short readAttribute(byte[] buffer, short size) {
        byte attribute = buffer[P1];
        if (attribute < 1 || attribute > LAST_ATTRIBUTE || buffer[P2] != 0) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        checkSize(size, Mac.SIZE);
        checkOpen(OPENED);
        checkOrder(buffer, attribute, size);
        checkRight((byte) (1 << (short) (attribute - 1)));
        short from = valueAt(attribute);
        short valueSize = (short) (valueEnd(attribute) - from);
        Util.arrayCopyNonAtomic(person, from, work, (short) 3, valueSize);
        return tell(buffer, INS_READ_ATTRIBUTE, attribute, valueSize);
    }

    private short tellPseudonym(byte[] buffer, short size) {
        checkNoParameters(buffer);
        checkSize(size, Mac.SIZE);
        checkOpen(OPENED);
        checkOrder(buffer, (byte) 0, size);
        checkRight(RIGHT_PSEUDONYM);
        short key = (short) (rowAt(session[PARTY]) + PSEUDONYM_KEY);
        mac.cmac(rows, key, person, REFERENCE, REFERENCE_SIZE, work, (short) 3);
        return tell(buffer, INS_PSEUDONYM, (byte) 0, REFERENCE_SIZE);
    }

    /** Answers the value in the work bytes, with S3; the session stays open. */
    private short tell(byte[] buffer, byte ins, byte attribute, short size) {
        work[0] = CARD_DID;
        work[1] = ins;
        work[2] = attribute;
        short end = Util.arrayCopyNonAtomic(work, (short) 3, buffer, DATA, size);
        mac.sessionMac(work, (short) 0, (short) (3 + size), buffer, end);
        session[OPEN] = OPENED;
        return (short) (size + Mac.SIZE);
    }

    private void checkOrder(byte[] buffer, byte parameter, short size) {
        if (!orderHolds(buffer, parameter, size)) {
            ISOException.throwIt(Sw.WRONG_MAC);
        }
    }

    private void checkRight(byte right) {
        byte block = session[PARTY];
        if (block == NO_ROW || (rows[(short) (rowAt(block) + RIGHTS)] & right) == 0) {
            ISOException.throwIt(Sw.NOT_ALLOWED);
        }
    }

    /** Returns the block of the party that OPEN names, or NO_ROW; every row is looked at. */
    private byte blockOf(byte[] buffer) {
        byte found = NO_ROW;
        for (byte block = FIRST_ROW; block < (byte) (FIRST_ROW + ROWS); block++) {
            short row = rowAt(block);
            boolean is = Util.arrayCompare(rows, row, buffer, DATA, PARTY_SIZE) == 0;
            if (is && found == NO_ROW && personalisation.has(block)) {
                found = block;
            }
        }
        return found;
    }

    private static short rowAt(byte block) {
        return (short) ((short) (block - FIRST_ROW) * ROW_SIZE);
    }

    private static short valueAt(byte attribute) {
        switch (attribute) {
            case 1:
                return OVER_18;
            case 2:
                return REGION;
            case 3:
                return GROUP;
            default:
                return PHOTO;
        }
    }

    private static short valueEnd(byte attribute) {
        return attribute == LAST_ATTRIBUTE ? PERSON_SIZE : valueAt((byte) (attribute + 1));
    }
}
