"""All faults, by room."""

from tests.faults import (
    faults_approve,
    faults_exchange_core,
    faults_exchange_identity,
    faults_exchange_policy,
    faults_label,
    faults_protect,
    faults_release,
    faults_shares,
)
from tests.faults.plant import Fault

FAULTS: tuple[Fault, ...] = (
    *faults_approve.FAULTS,
    *faults_exchange_core.FAULTS,
    *faults_exchange_identity.FAULTS,
    *faults_exchange_policy.FAULTS,
    *faults_label.FAULTS,
    *faults_protect.FAULTS,
    *faults_release.FAULTS,
    *faults_shares.FAULTS,
)
