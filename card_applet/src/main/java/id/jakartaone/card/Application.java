package id.jakartaone.card;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.SystemException;

/**
 * What purse, identity and SAM have in common: the order of checks, SELECT, the session's end.
 *
 * <p>A session ends before a command is looked at, and a command that leaves it open says so when
 * it has succeeded: so every error ends it, whatever raised it.
 */
abstract class Application extends Applet {
    static final short INS = ISO7816.OFFSET_INS;
    static final short P1 = ISO7816.OFFSET_P1;
    static final short P2 = ISO7816.OFFSET_P2;
    static final short DATA = ISO7816.OFFSET_CDATA;

    /** First byte under a session's MAC. */
    static final byte CARD_SAYS = 1;

    static final byte TERMINAL_ORDERS = 2;
    static final byte CARD_DID = 3;
    static final byte TERMINAL_HEARD = 4;

    /** Places in {@code session}; what an application adds begins at OWN. */
    static final short SAID = 0; // SELECT was answered

    static final short OPEN = 1; // what is open now
    static final short WAS = 2; // what was open when this command came
    static final short OWN = 3;

    static final byte NONE = 0;

    private static final byte CLA = (byte) 0x80;
    private static final byte CLA_ISO = 0;
    private static final byte INS_SELECT = (byte) 0xA4;
    private static final byte INS_STORE_DATA = (byte) 0xE2;
    private static final byte BY_AID = 4;
    private static final short LONGEST_AID = 16;

    final byte[] session;
    final Mac mac;
    final Personalisation personalisation;

    /**
     * Makes it, and refuses a card that cannot hold its largest transaction.
     *
     * @param ownSize bytes of session that the application adds
     * @param transaction bytes that its largest transaction changes
     */
    Application(short ownSize, short transaction, Personalisation personalisation) {
        if (JCSystem.getUnusedCommitCapacity() < transaction) {
            SystemException.throwIt(SystemException.NO_RESOURCE);
        }
        session =
                JCSystem.makeTransientByteArray(
                        (short) (OWN + ownSize), JCSystem.CLEAR_ON_DESELECT);
        mac = new Mac();
        this.personalisation = personalisation;
    }

    /** Returns whether there is such an instruction beside SELECT and STORE DATA. */
    abstract boolean knows(byte ins);

    /** Returns whether an instruction needs SELECT's answer first. */
    abstract boolean needsSelect(byte ins);

    /** Writes what SELECT answers behind the header; returns its size. */
    abstract short said(byte[] buffer);

    /** Answers an instruction that is known: writes behind the header, returns the size. */
    abstract short answer(byte[] buffer, short size);

    /** Keeps one block of personalisation. */
    abstract void store(byte[] buffer, short size);

    @Override
    public final void process(APDU apdu) {
        short size = receive(apdu);
        short answered = dispatch(apdu.getBuffer(), size);
        if (answered != 0) {
            apdu.setOutgoingAndSend(DATA, answered);
        }
    }

    private short dispatch(byte[] buffer, short size) {
        byte cla = buffer[ISO7816.OFFSET_CLA];
        byte ins = buffer[INS];
        session[WAS] = session[OPEN];
        session[OPEN] = NONE;
        if (cla == CLA_ISO && ins == INS_SELECT) {
            return answerSelect(buffer, size);
        }
        if (cla != CLA && cla != CLA_ISO) {
            ISOException.throwIt(Sw.CLASS_UNKNOWN);
        }
        if (cla != CLA || ins != INS_STORE_DATA && !knows(ins)) {
            ISOException.throwIt(Sw.INSTRUCTION_UNKNOWN);
        }
        if (ins == INS_STORE_DATA) {
            return answerStoreData(buffer, size);
        }
        if (!personalisation.isIssued() || needsSelect(ins) && session[SAID] == NONE) {
            ISOException.throwIt(Sw.WRONG_STATE);
        }
        return answer(buffer, size);
    }

    private short answerSelect(byte[] buffer, short size) {
        session[SAID] = NONE;
        if (buffer[P1] != BY_AID || buffer[P2] != 0) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        if (size > LONGEST_AID || !JCSystem.getAID().equals(buffer, DATA, (byte) size)) {
            ISOException.throwIt(Sw.APPLICATION_UNKNOWN);
        }
        if (!personalisation.isIssued()) {
            ISOException.throwIt(Sw.WRONG_STATE);
        }
        session[SAID] = 1;
        return said(buffer);
    }

    private short answerStoreData(byte[] buffer, short size) {
        if (personalisation.isIssued()) {
            ISOException.throwIt(Sw.WRONG_STATE);
        }
        personalisation.checkParameters(buffer[P1], buffer[P2]);
        store(buffer, size);
        return 0;
    }

    /** Refuses P1 and P2 other than 00 00. */
    static void checkNoParameters(byte[] buffer) {
        if (buffer[P1] != 0 || buffer[P2] != 0) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
    }

    /** Refuses data of another size. */
    static void checkSize(short size, short expected) {
        if (size != expected) {
            ISOException.throwIt(Sw.WRONG_LENGTH);
        }
    }

    /** Refuses a command for which nothing, or another thing, was open. */
    final void checkOpen(byte expected) {
        if (session[WAS] != expected) {
            ISOException.throwIt(Sw.WRONG_STATE);
        }
    }

    /**
     * Returns whether S2 holds: the last 8 bytes of the command's data, over 02, INS, the parameter
     * and the data before it. Those three bytes are set right before the data, over P1, P2 and Lc.
     */
    final boolean orderHolds(byte[] buffer, byte parameter, short size) {
        short order = (short) (size - Mac.SIZE);
        short head = (short) (DATA - 3);
        buffer[head] = TERMINAL_ORDERS;
        buffer[(short) (head + 1)] = buffer[INS];
        buffer[(short) (head + 2)] = parameter;
        return mac.sessionHolds(
                buffer, head, (short) (3 + order), buffer, (short) (DATA + order));
    }

    /** Puts S3, over 03, INS and the answer, behind an answer; returns the size of both. */
    final short signAnswer(byte[] buffer, byte ins, short size) {
        short head = (short) (DATA - 2);
        buffer[head] = CARD_DID;
        buffer[(short) (head + 1)] = ins;
        mac.sessionMac(buffer, head, (short) (2 + size), buffer, (short) (DATA + size));
        return (short) (size + Mac.SIZE);
    }

    private static short receive(APDU apdu) {
        short got = apdu.setIncomingAndReceive();
        short size = apdu.getIncomingLength();
        while (got < size) {
            got = (short) (got + apdu.receiveBytes((short) (DATA + got)));
        }
        return size;
    }
}
