"""binance-sdk-spot: typed models of every answer, which is the closest look at names and types."""

from typing import Any

from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_spot.spot import Spot
from cases import MINE, REST, case, refused, run

SYMBOL = "BTCUSDT"
KEYS = {"api_key": MINE["api_key"], "api_secret": MINE["secret"]}
api = Spot(config_rest_api=ConfigurationRestAPI(**KEYS, base_path=REST, timeout=20_000)).rest_api
LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}


def far(**fields: Any) -> Any:
    return api.new_order(**LIMIT, quantity=0.001, price=30000, **fields).data()


def whole(model: Any) -> None:
    """Check that every field of a typed answer came, whatever its depth."""
    told = model.to_dict() if hasattr(model, "to_dict") else model
    assert told not in (None, {}), model


@case
def tells_the_market_in_typed_models() -> None:
    api.ping()
    assert api.time().data().server_time > 0
    info = api.exchange_info(symbol=SYMBOL).data()
    assert info.symbols[0].symbol == SYMBOL
    assert info.symbols[0].filters
    assert api.depth(SYMBOL, limit=5).data().last_update_id > 0
    assert api.get_trades(SYMBOL, limit=3).data()[0].id > 0
    assert api.historical_trades(SYMBOL, limit=3).data()[0].is_best_match is True
    assert api.agg_trades(SYMBOL, limit=3).data()[0].a > 0
    assert len(api.klines(SYMBOL, "1m", limit=3).data()[0]) == 12
    assert len(api.ui_klines(SYMBOL, "1h", limit=3).data()[0]) == 12
    assert api.avg_price(SYMBOL).data().mins == 5


@case
def tells_tickers_in_typed_models() -> None:
    for call in (api.ticker24hr, api.ticker_price, api.ticker_book_ticker):
        whole(call(symbol=SYMBOL).data().actual_instance)
        whole(call(symbols=[SYMBOL, "ETHUSDT"]).data().actual_instance)
        whole(call().data().actual_instance)
    whole(api.ticker(symbol=SYMBOL, window_size="1h").data().actual_instance)
    whole(api.ticker_trading_day(symbol=SYMBOL).data().actual_instance)


@case
def places_queries_and_cancels() -> None:
    assert api.order_test(**LIMIT, quantity=0.001, price=30000).data() is not None
    costs = api.order_test(
        **LIMIT, quantity=0.001, price=30000, compute_commission_rates=True
    ).data()
    assert costs.standard_commission_for_order.maker is not None
    placed = far()
    assert (placed.status, placed.orig_qty) == ("NEW", "0.00100000")
    found = api.get_order(SYMBOL, order_id=placed.order_id).data()
    assert (found.is_working, found.stop_price) == (True, "0.00000000")
    assert api.get_open_orders(SYMBOL).data()[0].order_id == placed.order_id
    gone = api.delete_order(SYMBOL, order_id=placed.order_id).data()
    assert gone.status == "CANCELED"
    assert placed.order_id in [one.order_id for one in api.all_orders(SYMBOL).data()]
    far()
    assert len(api.delete_open_orders(SYMBOL).data()) == 1


@case
def trades_with_every_length_of_answer() -> None:
    market = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": 0.001}
    full = api.new_order(**market, new_order_resp_type="FULL").data()
    assert full.fills[0].trade_id > 0
    assert api.new_order(**market, new_order_resp_type="ACK").data().status is None
    assert api.new_order(**market, new_order_resp_type="RESULT").data().executed_qty == "0.00100000"
    mine = api.my_trades(SYMBOL, order_id=full.order_id).data()
    assert mine[0].commission_asset == "BTC"


@case
def replaces_and_amends() -> None:
    placed = far()
    told = api.order_cancel_replace(
        **LIMIT,
        cancel_replace_mode="STOP_ON_FAILURE",
        cancel_order_id=placed.order_id,
        quantity=0.002,
        price=31000,
    ).data()
    new = told.new_order_response.order_id
    amended = api.order_amend_keep_priority(SYMBOL, new_qty=0.001, order_id=new).data()
    assert amended.amended_order.qty == "0.00100000"
    history = api.order_amendments(SYMBOL, order_id=new).data()
    assert (history[0].orig_qty, history[0].new_qty) == ("0.00200000", "0.00100000")
    api.delete_open_orders(SYMBOL)


@case
def places_every_kind_of_list() -> None:
    oco = api.order_list_oco(
        SYMBOL, "SELL", 0.001, "LIMIT_MAKER", "STOP_LOSS",
        above_price=70000, below_stop_price=40000,
    ).data()  # fmt: skip
    assert oco.order_reports[0].type == "STOP_LOSS"
    old = api.order_oco(SYMBOL, "SELL", 0.001, price=70000, stop_price=40000).data()
    oto = api.order_list_oto(
        SYMBOL, "LIMIT", "BUY", 30000, 0.001, "LIMIT_MAKER", "SELL", 0.001,
        working_time_in_force="GTC", pending_price=70000,
    ).data()  # fmt: skip
    otoco = api.order_list_otoco(
        SYMBOL, "LIMIT", "BUY", 30000, 0.001, "SELL", 0.001, "LIMIT_MAKER",
        working_time_in_force="GTC", pending_above_price=70000,
        pending_below_type="STOP_LOSS", pending_below_stop_price=25000,
    ).data()  # fmt: skip
    placed = [oco, old, oto, otoco]
    open_ids = {one.order_list_id for one in api.open_order_list().data()}
    assert open_ids == {one.order_list_id for one in placed}
    found = api.get_order_list(order_list_id=oto.order_list_id).data()
    assert found.contingency_type == "OTO"
    for one in placed:
        gone = api.delete_order_list(SYMBOL, order_list_id=one.order_list_id).data()
        assert gone.list_order_status == "ALL_DONE"
    assert len(api.all_order_list().data()) >= 4


@case
def tells_the_account_in_typed_models() -> None:
    account = api.get_account(omit_zero_balances=True).data()
    assert account.commission_rates.maker is not None
    assert account.balances[0].free
    assert api.account_commission(SYMBOL).data().standard_commission.taker is not None
    assert api.rate_limit_order().data()[0].count >= 0
    assert api.my_prevented_matches(SYMBOL, order_id=1).data() == []
    assert api.my_allocations(SYMBOL).data() == []
    assert api.my_filters(SYMBOL).data().symbol_filters


@case
def reads_the_limits_out_of_the_headers() -> None:
    limits = api.time().rate_limits
    assert limits and limits[0].count > 0


@case
def says_what_is_wrong() -> None:
    assert "Invalid symbol." in str(refused(BadRequestError, api.depth, "NONE"))
    error = refused(BadRequestError, api.delete_order, SYMBOL, order_id=999999999)
    assert "Unknown order sent." in str(error)
    stranger = Spot(
        config_rest_api=ConfigurationRestAPI(api_key="x" * 64, api_secret="y", base_path=REST)
    ).rest_api
    refused(UnauthorizedError, stranger.get_account)


run()
