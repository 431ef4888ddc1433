package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** BLOCK, and what the issuer alone changes: UNBLOCK, PUT KEY, PUT ENTITLEMENT. */
final class PurseAdmin {
    private static final byte BLOCK = 1;
    private static final byte UNBLOCK = 2;
    private static final byte LAST_GROUP = 15;
    private static final short ENTITLEMENT_SIZE = 3;
    private static final short NT_SIZE = 4;

    private final PurseApplet purse;
    private final PurseState state;

    PurseAdmin(PurseApplet purse) {
        this.purse = purse;
        state = purse.state;
    }

    /** Answers BLOCK, UNBLOCK, PUT KEY or PUT ENTITLEMENT. */
    short answer(byte[] buffer, short size) {
        switch (buffer[Application.INS]) {
            case PurseApplet.INS_BLOCK:
                return block(buffer, size);
            case PurseApplet.INS_PUT_KEY:
                return putKey(buffer, size);
            default:
                return putEntitlement(buffer, size);
        }
    }

    private short block(byte[] buffer, short size) {
        byte what = buffer[Application.P2];
        if (buffer[Application.P1] != 0 || what != BLOCK && what != UNBLOCK) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        boolean blocks = what == BLOCK;
        Application.checkSize(size, (short) ((blocks ? 1 : 0) + Mac.SIZE));
        purse.checkOpen(blocks ? PurseApplet.MODE_DEBIT : PurseApplet.MODE_ADMIN);
        purse.checkOrder(buffer, what, size);
        byte reason = buffer[Application.DATA];
        if (blocks && reason == 0) {
            ISOException.throwIt(Sw.WRONG_DATA);
        }
        short answered = makeAnswer(buffer, PurseApplet.INS_BLOCK);
        JCSystem.beginTransaction();
        if (blocks) {
            Store.put(state.data, PurseState.STATUS, reason);
        } else {
            Store.put(state.data, PurseState.STATUS, (byte) 0);
            state.forgiveWrongMacs();
        }
        JCSystem.commitTransaction();
        purse.endSelect();
        return answered;
    }

    /** Replaces all four keys and their version; S2 covers the keys as they came, encrypted. */
    private short putKey(byte[] buffer, short size) {
        Application.checkNoParameters(buffer);
        Application.checkSize(size, (short) (1 + PurseState.KEYS_SIZE + Mac.SIZE));
        purse.checkOpen(PurseApplet.MODE_ADMIN);
        purse.checkOrder(buffer, (byte) 0, size);
        byte[] data = state.data;
        byte version = buffer[Application.DATA];
        if ((short) (version & 0xFF) <= (short) (data[PurseState.KEY_VERSION] & 0xFF)) {
            ISOException.throwIt(Sw.WRONG_DATA);
        }
        purse.mac.decrypt(
                data,
                PurseState.ADMIN_KEY,
                Labels.SESSION_ENC,
                purse.session,
                PurseApplet.CONTEXT,
                PurseApplet.CONTEXT_SIZE,
                buffer,
                (short) (Application.DATA + 1),
                PurseState.KEYS_SIZE,
                purse.work,
                (short) 0);
        short answered = makeAnswer(buffer, PurseApplet.INS_PUT_KEY);
        JCSystem.beginTransaction();
        Store.copy(purse.work, (short) 0, data, PurseState.KEYS, PurseState.KEYS_SIZE);
        Store.put(data, PurseState.KEY_VERSION, version);
        JCSystem.commitTransaction();
        Util.arrayFillNonAtomic(purse.work, (short) 0, PurseState.KEYS_SIZE, (byte) 0);
        purse.endSelect();
        return answered;
    }

    private short putEntitlement(byte[] buffer, short size) {
        Application.checkNoParameters(buffer);
        Application.checkSize(size, (short) (ENTITLEMENT_SIZE + Mac.SIZE));
        purse.checkOpen(PurseApplet.MODE_ADMIN);
        purse.checkOrder(buffer, (byte) 0, size);
        if ((short) (buffer[Application.DATA] & 0xFF) > LAST_GROUP) {
            ISOException.throwIt(Sw.WRONG_DATA);
        }
        Util.arrayCopyNonAtomic(
                buffer, Application.DATA, purse.work, (short) 0, ENTITLEMENT_SIZE);
        short answered = makeAnswer(buffer, PurseApplet.INS_PUT_ENTITLEMENT);
        JCSystem.beginTransaction();
        Store.copy(purse.work, (short) 0, state.data, PurseState.GROUP, ENTITLEMENT_SIZE);
        JCSystem.commitTransaction();
        purse.endSelect();
        return answered;
    }

    /** Makes the answer that all four share, NT and S3, in place of the command. */
    private short makeAnswer(byte[] buffer, byte ins) {
        Util.arrayCopyNonAtomic(
                state.data, PurseState.NT, buffer, Application.DATA, NT_SIZE);
        return purse.signAnswer(buffer, ins, NT_SIZE);
    }
}
